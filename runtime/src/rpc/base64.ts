/** Base64 for `-bin` metadata: written without padding, as gRPC senders do. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64").replace(/=+$/, "");
}

/** Reads base64 with or without padding. Undefined when it is malformed. */
export function decodeBase64(text: string): Uint8Array | undefined {
  return isBase64(text) ? new Uint8Array(Buffer.from(text, "base64")) : undefined;
}

/** Whether text is base64, with or without padding. */
export function isBase64(text: string): boolean {
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/.test(text);
}
