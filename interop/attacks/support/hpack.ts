// Header blocks made by hand (RFC 7541), without Huffman coding.

/** An integer behind `pattern` in a prefix of `prefixBits`, RFC 7541 section 5.1. */
export function integer(value: number, prefixBits: number, pattern: number): Buffer {
  const max = 2 ** prefixBits - 1;
  if (value < max) return Buffer.from([pattern | value]);
  const bytes = [pattern | max];
  let rest = value - max;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

export function text(value: string): Buffer {
  return Buffer.concat([integer(value.length, 7, 0), Buffer.from(value, "latin1")]);
}

/** A field that is not entered into the table. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

/** A field that is entered into the table, at index 62. */
export function entered(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40]), text(name), text(value)]);
}

/** A reference to an entry: 1 to 61 are static, the latest dynamic one is 62. */
export function indexed(index: number): Buffer {
  return integer(index, 7, 0x80);
}

export function tableSize(bytes: number): Buffer {
  return integer(bytes, 5, 0x20);
}

export const UNARY = "/meshwright.interop.v1.InteropService/Unary";
export const SERVER_STREAM = "/meshwright.interop.v1.InteropService/ServerStream";
export const CLIENT_STREAM = "/meshwright.interop.v1.InteropService/ClientStream";

/** A sound request; nothing is entered into the table. */
export function request(path = UNARY, ...extra: readonly Buffer[]): Buffer {
  return Buffer.concat([
    indexed(3),
    indexed(6),
    literal(":path", path),
    literal("content-type", "application/grpc"),
    literal("te", "trailers"),
    ...extra,
  ]);
}

/** A sound request that enters its fields into the table, for {@link shortRequest} to follow. */
export function firstRequest(path = UNARY): Buffer {
  return Buffer.concat([
    indexed(3),
    indexed(6),
    entered(":path", path),
    entered("content-type", "application/grpc"),
    entered("te", "trailers"),
  ]);
}

/** The same request in five bytes. */
export function shortRequest(): Buffer {
  return Buffer.from([0x83, 0x86, 0x80 | 64, 0x80 | 63, 0x80 | 62]);
}

/** The header block of a sound response. */
export function response(...extra: readonly Buffer[]): Buffer {
  return Buffer.concat([indexed(8), literal("content-type", "application/grpc"), ...extra]);
}

export function trailers(...extra: readonly Buffer[]): Buffer {
  return Buffer.concat([literal("grpc-status", "0"), ...extra]);
}
