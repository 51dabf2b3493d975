/** Bytes before each message: one flag byte, then the length, big endian (gRPC over HTTP/2, Length-Prefixed-Message). */
export const PREFIX_BYTES = 5;

/** Writes the prefix of a message of `byteLength` bytes to the first five bytes of `target`. */
export function writeMessagePrefix(target: Uint8Array, compressed: boolean, byteLength: number): void {
  target[0] = compressed ? 1 : 0;
  target[1] = byteLength >>> 24;
  target[2] = (byteLength >>> 16) & 0xff;
  target[3] = (byteLength >>> 8) & 0xff;
  target[4] = byteLength & 0xff;
}

/** The length in the prefix that begins at `at`. */
export function messageLength(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at + 1] as number) * 0x1000000 +
    (((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number))
  );
}
