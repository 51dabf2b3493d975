import { FrameFlag, readUint31 } from "./frame.js";
import type { FrameEvents } from "./frame-events.js";
import { checkFields, contentLength } from "./header-rules.js";
import { type DecodedBlock, HeaderDecoder } from "./hpack/decoder.js";
import type { StreamState } from "./stream.js";
import { isMerelyLate } from "./stream-ids.js";
import { ErrorCode, type HeaderFields } from "./types.js";

interface OpenBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly parts: Buffer[];
  byteCount: number;
  continuations: number;
}

/** Puts HEADERS and CONTINUATION together, decodes the block and says what it means for its stream. */
export class HeaderBlocks {
  readonly #events: FrameEvents;
  readonly #decoder: HeaderDecoder;
  #block: OpenBlock | undefined;

  constructor(events: FrameEvents) {
    const { limits } = events;
    this.#events = events;
    this.#decoder = new HeaderDecoder(limits.headerTableBytes, {
      maxHeaderListBytes: limits.maxHeaderListBytes,
      hardHeaderListBytes: limits.hardHeaderListBytes,
      maxFieldCount: limits.maxHeaderFields,
    });
  }

  /** The stream whose block has begun and not ended; no other frame may come meanwhile (RFC 9113 section 4.3). */
  get openStreamId(): number | undefined {
    return this.#block?.streamId;
  }

  onHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const events = this.#events;
    if (streamId === 0) return events.fail(ErrorCode.PROTOCOL_ERROR, "HEADERS on stream 0");
    let blockStart = start;
    let blockEnd = end;
    if ((flags & FrameFlag.PADDED) !== 0) {
      if (end === start) return events.fail(ErrorCode.FRAME_SIZE_ERROR, "padded HEADERS without a pad length");
      blockEnd -= bytes[start] as number;
      blockStart += 1;
    }
    let dependsOn = -1;
    if ((flags & FrameFlag.PRIORITY) !== 0) {
      if (blockEnd - blockStart < 5) {
        return events.fail(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority");
      }
      dependsOn = readUint31(bytes, blockStart);
      blockStart += 5;
    }
    if (blockStart > blockEnd) {
      return events.fail(ErrorCode.PROTOCOL_ERROR, "HEADERS has more padding than payload");
    }
    if (dependsOn === streamId) {
      return events.fail(ErrorCode.PROTOCOL_ERROR, `stream ${streamId} depends on itself`);
    }
    const endStream = (flags & FrameFlag.END_STREAM) !== 0;
    if (blockStart === blockEnd && !endStream && !events.budgets.emptyFrame()) return;
    if (!this.#isWithinBlockBytes(blockEnd - blockStart)) return;
    if ((flags & FrameFlag.END_HEADERS) !== 0) return this.#onBlock(streamId, endStream, bytes, blockStart, blockEnd);
    this.#block = {
      streamId,
      endStream,
      parts: [Buffer.from(bytes.subarray(blockStart, blockEnd))],
      byteCount: blockEnd - blockStart,
      continuations: 0,
    };
  }

  onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const events = this.#events;
    const block = this.#block;
    if (block === undefined) return events.fail(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without a header block");
    const isLast = (flags & FrameFlag.END_HEADERS) !== 0;
    if (start === end && !isLast) return events.fail(ErrorCode.PROTOCOL_ERROR, "empty CONTINUATION that ends nothing");
    block.parts.push(Buffer.from(bytes.subarray(start, end)));
    block.byteCount += end - start;
    block.continuations += 1;
    if (!this.#isWithinBlockBytes(block.byteCount)) return;
    const { maxContinuationFrames } = events.limits;
    if (block.continuations > maxContinuationFrames) {
      const message = `a header block has more than ${maxContinuationFrames} CONTINUATION frames`;
      return events.exceed("continuation_frames", ErrorCode.ENHANCE_YOUR_CALM, message);
    }
    if (!isLast) return;
    this.#block = undefined;
    const whole = Buffer.concat(block.parts, block.byteCount);
    this.#onBlock(block.streamId, block.endStream, whole, 0, whole.length);
  }

  #isWithinBlockBytes(byteCount: number): boolean {
    const { maxHeaderBlockBytes } = this.#events.limits;
    if (byteCount <= maxHeaderBlockBytes) return true;
    const message = `a header block has more than ${maxHeaderBlockBytes} compressed bytes`;
    this.#events.exceed("header_block_bytes", ErrorCode.ENHANCE_YOUR_CALM, message);
    return false;
  }

  /** A whole header block. It is decoded in every case: the table must stay in step with the peer's. */
  #onBlock(streamId: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
    const events = this.#events;
    const outcome = this.#decoder.decode(bytes, start, end);
    if (outcome === "error") return events.fail(ErrorCode.COMPRESSION_ERROR, "a header block can't be decoded");
    if (outcome === "excessive") {
      const message = `a header list has more than ${events.limits.hardHeaderListBytes} bytes`;
      return events.exceed("hard_header_list_bytes", ErrorCode.ENHANCE_YOUR_CALM, message);
    }
    const { fields } = this.#decoder;
    const stream = events.streams.get(streamId);
    if (stream === undefined) {
      if (events.role === "server" && streamId > events.lastPeerStreamId && streamId % 2 === 1) {
        this.#onRequest(streamId, endStream, outcome, fields);
      } else {
        isMerelyLate(events, streamId, "HEADERS");
      }
      return;
    }
    // A stream error would do (RFC 9113 section 5.1), but only a broken or hostile peer comes here.
    if (stream.didRemoteEnd) return events.fail(ErrorCode.STREAM_CLOSED, "HEADERS after the end of the stream");
    if (outcome !== "ok") return this.#refuseFields(streamId, outcome);
    const role = events.role === "server" || stream.didReceiveHeaders ? "trailers" : "response";
    const complaint = checkFields(fields, role);
    if (complaint !== undefined) return events.failStream(streamId, ErrorCode.PROTOCOL_ERROR, complaint);
    if (role === "trailers" && !endStream) {
      return events.failStream(streamId, ErrorCode.PROTOCOL_ERROR, "trailers must end the stream");
    }
    if (role === "response") {
      // RFC 9113 section 8.1: informational responses come before the real one and end nothing.
      if (isInformational(fields)) {
        if (endStream) {
          events.failStream(streamId, ErrorCode.PROTOCOL_ERROR, "an informational response ended the stream");
        } else {
          events.budgets.control("an informational response");
        }
        return;
      }
      stream.didReceiveHeaders = true;
      if (!this.#expectLength(stream, fields, endStream)) return;
    } else if (!checkLength(events, stream, 0, true)) {
      return;
    }
    if (endStream) stream.didRemoteEnd = true;
    stream.handler?.onHeaders(fields, endStream);
    if (endStream) events.remoteEnd(stream);
  }

  #onRequest(streamId: number, endStream: boolean, outcome: DecodedBlock, fields: HeaderFields): void {
    const events = this.#events;
    events.lastPeerStreamId = streamId;
    if (!events.isAccepting) return events.failStream(streamId, ErrorCode.REFUSED_STREAM, "the server is going away");
    if (outcome !== "ok") return this.#refuseFields(streamId, outcome);
    const complaint = checkFields(fields, "request");
    if (complaint !== undefined) return events.failStream(streamId, ErrorCode.PROTOCOL_ERROR, complaint);
    const length = contentLength(fields);
    if (Number.isNaN(length) || (endStream && length !== undefined && length > 0)) {
      return events.failStream(streamId, ErrorCode.PROTOCOL_ERROR, "the body differs from its content-length");
    }
    if (!events.hasRoom) {
      events.tellLimit("concurrent_streams", `stream ${streamId} is above MAX_CONCURRENT_STREAMS`);
      return events.failStream(streamId, ErrorCode.REFUSED_STREAM, "too many concurrent streams");
    }
    const stream = events.peerOpened(streamId, fields, endStream);
    if (length !== undefined) stream.remainingBodyBytes = length;
    if (endStream && !stream.isClosed) events.remoteEnd(stream);
  }

  #expectLength(stream: StreamState, fields: HeaderFields, endStream: boolean): boolean {
    const length = contentLength(fields);
    if (length === undefined) return true;
    stream.remainingBodyBytes = Number.isNaN(length) ? -1 : length;
    return endStream || stream.remainingBodyBytes < 0 ? checkLength(this.#events, stream, 0, endStream) : true;
  }

  #refuseFields(streamId: number, outcome: DecodedBlock): void {
    const events = this.#events;
    if (outcome === "malformed") {
      return events.failStream(streamId, ErrorCode.PROTOCOL_ERROR, "a header field has illegal characters");
    }
    const { maxHeaderListBytes, maxHeaderFields } = events.limits;
    const isList = outcome === "too_large";
    const message = isList
      ? `the header list is above MAX_HEADER_LIST_SIZE of ${maxHeaderListBytes} bytes`
      : `the header block has more than ${maxHeaderFields} fields`;
    events.tellLimit(isList ? "header_list_bytes" : "header_fields", message);
    if (events.budgets.oversizedBlock()) events.failStream(streamId, ErrorCode.ENHANCE_YOUR_CALM, message);
  }
}

/** RFC 9113 section 8.1.1: a body that differs from its content-length is malformed. */
export function checkLength(events: FrameEvents, stream: StreamState, bodyBytes: number, endStream: boolean): boolean {
  if (Number.isNaN(stream.remainingBodyBytes)) return true;
  stream.remainingBodyBytes -= bodyBytes;
  if (stream.remainingBodyBytes === 0 || (stream.remainingBodyBytes > 0 && !endStream)) return true;
  events.failStream(stream.id, ErrorCode.PROTOCOL_ERROR, "the body differs from its content-length");
  return false;
}

function isInformational(fields: HeaderFields): boolean {
  return fields[0] === ":status" && (fields[1] as string).charCodeAt(0) === 0x31 && fields[1] !== "101";
}
