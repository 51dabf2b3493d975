import { HeaderDecoder } from "@meshwright/runtime/wire";
import {
  ACK,
  CONTINUATION,
  END_HEADERS,
  FRAME_HEADER_BYTES,
  GOAWAY,
  HEADERS,
  PADDED,
  PING,
  PREFACE,
  PRIORITY,
  WINDOW_UPDATE,
} from "../targets/connection/frames.js";
import { LAST_PING } from "./outcome.js";

/** What a sequence of frames has that explains a difference. */
export interface SequenceFacts {
  readonly hasGoAway: boolean;
  readonly hasPingAck: boolean;
  /** A frame belongs to a stream that had HEADERS before, or to one below such a stream. */
  readonly reusesStream: boolean;
  /** A stream, not the connection, has WINDOW_UPDATE. */
  readonly growsStream: boolean;
  /** PRIORITY stands on stream 0, or on a stream that depends on itself. */
  readonly hasWrongPriority: boolean;
  /** A header block has a name or a value with illegal characters. */
  readonly hasIllegalField: boolean;
}

const LIMITS = { maxHeaderListBytes: 16_384, hardHeaderListBytes: 65_536, maxFieldCount: 128 };

/** Reads them off the frames behind the preface. */
export function sequenceFacts(sequence: Buffer): SequenceFacts {
  let hasGoAway = false;
  let hasPingAck = false;
  let growsStream = false;
  let hasWrongPriority = false;
  let reusesStream = false;
  let highestId = 0;
  let hasIllegalField = false;
  let block: Buffer[] = [];
  const decoder = new HeaderDecoder(4096, LIMITS);
  for (let at = PREFACE.length; sequence.length - at >= FRAME_HEADER_BYTES; ) {
    const end = at + FRAME_HEADER_BYTES + sequence.readUIntBE(at, 3);
    const type = sequence[at + 3];
    const isAck = ((sequence[at + 4] as number) & ACK) !== 0;
    const id = sequence.readUInt32BE(at + 5) & 0x7fff_ffff;
    if (type === GOAWAY) hasGoAway = true;
    if (type === WINDOW_UPDATE && id > 0) growsStream = true;
    if (type === PING && isAck && !LAST_PING.equals(sequence.subarray(end - LAST_PING.length, end))) hasPingAck = true;
    if (type === PRIORITY && (id === 0 || sequence.readUInt32BE(end - 5) === id)) hasWrongPriority = true;
    if (id > 0 && id <= highestId) reusesStream = true;
    if (type === HEADERS) {
      highestId = Math.max(highestId, id);
      block = [];
    }
    if (type === HEADERS || type === CONTINUATION) {
      const start = at + FRAME_HEADER_BYTES;
      const flags = sequence[at + 4] as number;
      const isPadded = type === HEADERS && (flags & PADDED) !== 0;
      block.push(isPadded ? sequence.subarray(start + 1, end - (sequence[start] ?? 0)) : sequence.subarray(start, end));
      if ((flags & END_HEADERS) !== 0) {
        const whole = Buffer.concat(block);
        if (decoder.decode(whole, 0, whole.length) === "malformed") hasIllegalField = true;
      }
    }
    at = end;
  }
  return { hasGoAway, hasPingAck, reusesStream, growsStream, hasWrongPriority, hasIllegalField };
}
