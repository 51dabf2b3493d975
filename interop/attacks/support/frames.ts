// Frames made by hand: what an attacker sends need not make sense.
import {
  CLIENT_PREFACE,
  FRAME_HEADER_BYTES,
  FrameFlag,
  FrameType as RfcFrameType,
  Setting,
  writeFrameHeader,
} from "@meshwright/runtime/wire";

/** Those of RFC 9113, and two that RFC 7838 and RFC 8336 added. */
export const FrameType = { ...RfcFrameType, ALTSVC: 10, ORIGIN: 12 } as const;
export const Flag = FrameFlag;
export { Setting };

export const PREFACE: Buffer = Buffer.from(CLIENT_PREFACE);
export const NOTHING = Buffer.alloc(0);

/** One frame. `declaredBytes` may lie about the payload. */
export function frame(type: number, flags: number, streamId: number, payload: Buffer, declaredBytes?: number): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + payload.byteLength);
  writeFrameHeader(bytes, 0, declaredBytes ?? payload.byteLength, type, flags, streamId);
  payload.copy(bytes, FRAME_HEADER_BYTES);
  return bytes;
}

export function headers(streamId: number, block: Buffer, flags: number = Flag.END_HEADERS): Buffer {
  return frame(FrameType.HEADERS, flags, streamId, block);
}

export function continuation(streamId: number, part: Buffer, flags = 0): Buffer {
  return frame(FrameType.CONTINUATION, flags, streamId, part);
}

export function data(streamId: number, payload: Buffer, flags = 0): Buffer {
  return frame(FrameType.DATA, flags, streamId, payload);
}

export function rstStream(streamId: number, code = 8): Buffer {
  return frame(FrameType.RST_STREAM, 0, streamId, uint32(code));
}

export function settings(entries: readonly (readonly [id: number, value: number])[] = []): Buffer {
  const payload = Buffer.alloc(entries.length * 6);
  entries.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  });
  return frame(FrameType.SETTINGS, 0, 0, payload);
}

export function settingsAck(): Buffer {
  return frame(FrameType.SETTINGS, Flag.ACK, 0, NOTHING);
}

export function ping(payload = "pingping", flags = 0): Buffer {
  return frame(FrameType.PING, flags, 0, Buffer.from(payload, "latin1"));
}

export function goAway(lastStreamId: number, code = 0, debug: Buffer = NOTHING): Buffer {
  return frame(FrameType.GOAWAY, 0, 0, Buffer.concat([uint32(lastStreamId), uint32(code), debug]));
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame(FrameType.WINDOW_UPDATE, 0, streamId, uint32(increment));
}

export function priority(streamId: number, dependsOn: number): Buffer {
  return frame(FrameType.PRIORITY, 0, streamId, Buffer.concat([uint32(dependsOn), Buffer.from([16])]));
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** `bytes` again and again. */
export function times(count: number, bytes: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => bytes));
}

/** The frames of `make` for `count` streams of a client, from `firstId` on. */
export function forStreams(count: number, firstId: number, make: (streamId: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => make(firstId + 2 * index)));
}
