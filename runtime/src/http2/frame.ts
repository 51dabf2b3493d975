/** Frame types of RFC 9113 section 6. */
export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** Frame flags of RFC 9113 section 6. ACK and END_STREAM share a bit on different frames. */
export const FrameFlag = {
  END_STREAM: 0x1,
  ACK: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const;

/** Length of every frame's header. */
export const FRAME_HEADER_BYTES = 9;
/** SETTINGS_MAX_FRAME_SIZE before SETTINGS, and its lower bound. */
export const DEFAULT_MAX_FRAME_BYTES = 16_384;
/** Upper bound of SETTINGS_MAX_FRAME_SIZE. */
export const LARGEST_MAX_FRAME_BYTES = 0xff_ffff;
/** Every flow-control window before SETTINGS and WINDOW_UPDATE. */
export const DEFAULT_WINDOW_BYTES = 65_535;
/** No flow-control window may exceed this. */
export const MAX_WINDOW_BYTES = 0x7fff_ffff;
/** Largest stream id, and the last id of a GOAWAY that only warns (RFC 9113 section 6.8). */
export const MAX_STREAM_ID = 0x7fff_ffff;

/** What a client sends before its first frame (RFC 9113 section 3.4). */
export const CLIENT_PREFACE: Uint8Array = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Reads a big-endian 32-bit unsigned integer. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

/** Reads a big-endian 31-bit unsigned integer; the reserved top bit is ignored. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) & 0x7f) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

/** Writes a big-endian 32-bit unsigned integer. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes a frame header of {@link FRAME_HEADER_BYTES}. */
export function writeFrameHeader(
  bytes: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes[at + 5] = streamId >>> 24;
  bytes[at + 6] = streamId >>> 16;
  bytes[at + 7] = streamId >>> 8;
  bytes[at + 8] = streamId;
}
