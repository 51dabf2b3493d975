import { isIP } from "node:net";

/** One spelling for each IP address. Undefined when the text is none. */
export function canonicalIp(text: string): string | undefined {
  switch (isIP(text)) {
    case 4:
      return text;
    case 6:
      // A zone names an interface of this machine; no certificate does.
      return text.includes("%") ? undefined : new URL(`http://[${text}]/`).hostname.slice(1, -1);
    default:
      return undefined;
  }
}

/** The address that 4 or 16 bytes mean, as {@link canonicalIp} writes it. Undefined for any other number of bytes. */
export function ipFromBytes(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) return undefined;
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) groups.push((((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16));
  return canonicalIp(groups.join(":"));
}
