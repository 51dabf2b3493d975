/** A value that no limit of ours accepts. Larger integers are a decoding error (RFC 7541 section 5.1). */
export const MAX_INTEGER: number = 2 ** 28;

/** Octets that an integer may take after its prefix. */
const MAX_CONTINUATION_OCTETS = 4;

/**
 * Writes an integer with a prefix of `prefixBits` (RFC 7541 section 5.1). `pattern` holds the bits above the prefix.
 * Returns the position after it.
 */
export function writeInteger(
  bytes: Uint8Array,
  at: number,
  pattern: number,
  prefixBits: number,
  value: number,
): number {
  const prefixMax = (1 << prefixBits) - 1;
  if (value < prefixMax) {
    bytes[at] = pattern | value;
    return at + 1;
  }
  bytes[at] = pattern | prefixMax;
  let position = at + 1;
  let rest = value - prefixMax;
  while (rest >= 0x80) {
    bytes[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[position++] = rest;
  return position;
}

/** Reads integers; keeps the position after the last one, so that a read allocates nothing. */
export class IntegerReader {
  /** The position after the integer that was read last. */
  next = 0;

  /** Reads an integer whose prefix is at `at`. Returns -1 when it is cut off, too long or above {@link MAX_INTEGER}. */
  read(bytes: Uint8Array, at: number, end: number, prefixBits: number): number {
    if (at >= end) return -1;
    const prefixMax = (1 << prefixBits) - 1;
    let value = (bytes[at] as number) & prefixMax;
    if (value < prefixMax) {
      this.next = at + 1;
      return value;
    }
    let position = at + 1;
    for (let octet = 0; octet < MAX_CONTINUATION_OCTETS; octet++) {
      if (position >= end) return -1;
      const byte = bytes[position++] as number;
      // 4 octets of 7 bits stay below 2^29: no overflow of the 32-bit shift.
      value += (byte & 0x7f) << (7 * octet);
      if (byte < 0x80) {
        this.next = position;
        return value > MAX_INTEGER ? -1 : value;
      }
    }
    return -1;
  }
}
