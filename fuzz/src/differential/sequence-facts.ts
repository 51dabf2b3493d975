import {
  CLIENT_PREFACE,
  FRAME_HEADER_BYTES,
  FrameFlag,
  FrameType,
  HeaderDecoder,
  Setting,
} from "@meshwright/runtime/wire";
import { LAST_PING } from "./outcome.js";

/** What a sequence of frames has that explains a difference. */
export interface SequenceFacts {
  readonly hasGoAway: boolean;
  /** The last id of a GOAWAY is above an earlier one, or that of a client's stream. */
  readonly hasWrongLastId: boolean;
  readonly hasPingAck: boolean;
  /** A frame belongs to a stream that had HEADERS before, or to one below such a stream. */
  readonly reusesStream: boolean;
  /** A stream, not the connection, has WINDOW_UPDATE. */
  readonly growsStream: boolean;
  /** SETTINGS has an INITIAL_WINDOW_SIZE. */
  readonly changesWindows: boolean;
  /** PRIORITY stands on stream 0, or on a stream that depends on itself. */
  readonly hasWrongPriority: boolean;
  /** A header block has a name or a value with illegal characters. */
  readonly hasIllegalField: boolean;
  /** A DATA frame with PADDED has no byte for the length of its padding. */
  readonly hasDataWithoutPadLength: boolean;
  /** PINGs that are no acknowledgements, the last one included. */
  readonly pings: number;
  /** A content-length has a control character, or a blank at its edge. */
  readonly hasUnprintableLength: boolean;
  /** The last PING is a frame, and not a part of one that is longer than it should be. */
  readonly hasEnd: boolean;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what nghttp2 drops a field for.
const UNPRINTABLE = /[\0-\x08\x0a-\x1f\x7f]|^[ \t]|[ \t]$/;

const LIMITS = { maxHeaderListBytes: 16_384, hardHeaderListBytes: 65_536, maxFieldCount: 128 };

/** Reads them off the frames behind the preface. */
export function sequenceFacts(sequence: Buffer): SequenceFacts {
  let hasGoAway = false;
  let hasWrongLastId = false;
  let lastGoAwayId = Number.POSITIVE_INFINITY;
  let hasPingAck = false;
  let growsStream = false;
  let changesWindows = false;
  let hasWrongPriority = false;
  let reusesStream = false;
  let highestId = 0;
  let hasIllegalField = false;
  let hasDataWithoutPadLength = false;
  let pings = 0;
  let hasUnprintableLength = false;
  let lastAt = 0;
  let block: Buffer[] = [];
  const decoder = new HeaderDecoder(4096, LIMITS);
  for (let at = CLIENT_PREFACE.length; sequence.length - at >= FRAME_HEADER_BYTES; ) {
    const end = at + FRAME_HEADER_BYTES + sequence.readUIntBE(at, 3);
    // Changed bytes may promise more than there is.
    if (end > sequence.length) break;
    lastAt = at;
    const type = sequence[at + 3];
    const isAck = ((sequence[at + 4] as number) & FrameFlag.ACK) !== 0;
    const id = sequence.readUInt32BE(at + 5) & 0x7fff_ffff;
    const isPadded = ((sequence[at + 4] as number) & FrameFlag.PADDED) !== 0;
    if (type === FrameType.GOAWAY) {
      hasGoAway = true;
      const lastId = sequence.readUInt32BE(at + FRAME_HEADER_BYTES) & 0x7fff_ffff;
      if (lastId > lastGoAwayId || lastId % 2 === 1) hasWrongLastId = true;
      lastGoAwayId = lastId;
    }
    for (let entry = at + FRAME_HEADER_BYTES; type === FrameType.SETTINGS && entry + 6 <= end; entry += 6) {
      if (sequence.readUInt16BE(entry) === Setting.INITIAL_WINDOW_SIZE) changesWindows = true;
    }
    if (type === FrameType.DATA && isPadded && end === at + FRAME_HEADER_BYTES) hasDataWithoutPadLength = true;
    if (type === FrameType.PING && !isAck) pings += 1;
    if (type === FrameType.WINDOW_UPDATE && id > 0) growsStream = true;
    if (type === FrameType.PING && isAck && !LAST_PING.equals(sequence.subarray(end - LAST_PING.length, end)))
      hasPingAck = true;
    if (type === FrameType.PRIORITY && (id === 0 || sequence.readUInt32BE(end - 5) === id)) hasWrongPriority = true;
    if (id > 0 && id <= highestId) reusesStream = true;
    if (type === FrameType.HEADERS) {
      highestId = Math.max(highestId, id);
      block = [];
    }
    if (type === FrameType.HEADERS || type === FrameType.CONTINUATION) {
      const start = at + FRAME_HEADER_BYTES;
      const flags = sequence[at + 4] as number;
      block.push(
        type === FrameType.HEADERS && isPadded
          ? sequence.subarray(start + 1, end - (sequence[start] ?? 0))
          : sequence.subarray(start, end),
      );
      if ((flags & FrameFlag.END_HEADERS) !== 0) {
        const whole = Buffer.concat(block);
        if (decoder.decode(whole, 0, whole.length) === "malformed") hasIllegalField = true;
        if (lengthsOf(decoder.fields).some((text) => UNPRINTABLE.test(text))) hasUnprintableLength = true;
      }
    }
    at = end;
  }
  return {
    hasGoAway,
    hasWrongLastId,
    hasPingAck,
    reusesStream,
    growsStream,
    changesWindows,
    hasWrongPriority,
    hasIllegalField,
    hasDataWithoutPadLength,
    pings,
    hasUnprintableLength,
    hasEnd: lastAt === sequence.length - FRAME_HEADER_BYTES - LAST_PING.length,
  };
}

function lengthsOf(fields: readonly string[]): string[] {
  return fields.filter((_, index) => index % 2 === 1 && fields[index - 1] === "content-length");
}
