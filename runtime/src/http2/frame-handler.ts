import { CLIENT_PREFACE, FrameFlag, FrameType, readUint31, readUint32 } from "./frame.js";
import type { FrameEvents } from "./frame-events.js";
import type { FrameSink } from "./frame-reader.js";
import { checkLength, HeaderBlocks } from "./header-blocks.js";
import { readSettings } from "./settings.js";
import type { StreamState } from "./stream.js";
import { isIdle, isMerelyLate } from "./stream-ids.js";
import { ErrorCode } from "./types.js";

// A DATA frame with less than this is charged for (A14): a peer can make many of them from few bytes.
const TINY_FRAME_BYTES = 64;

/** Reads frames: checks each against RFC 9113 section 6 and the state of its stream, then says what it means. */
export class FrameHandler implements FrameSink {
  readonly #events: FrameEvents;
  readonly #blocks: HeaderBlocks;
  #prefaceBytes = 0;
  #didReceiveSettings = false;
  #lastGoAwayId = 0x7fff_ffff;
  /** Whose DATA frame comes in parts, and whether it is the last of its stream. */
  #partsOf: StreamState | undefined;
  #doPartsEndStream = false;

  constructor(events: FrameEvents) {
    this.#events = events;
    this.#blocks = new HeaderBlocks(events);
  }

  /** A header block has begun, and its end has not come. */
  get isInHeaderBlock(): boolean {
    return this.#blocks.openStreamId !== undefined;
  }

  /** Strips the client's preface off what a server receives. Undefined when there is nothing more to read. */
  readPreface(chunk: Buffer): Buffer | undefined {
    if (this.#events.role === "client" || this.#prefaceBytes === CLIENT_PREFACE.length) return chunk;
    let at = 0;
    while (at < chunk.length && this.#prefaceBytes < CLIENT_PREFACE.length) {
      if (chunk[at] !== CLIENT_PREFACE[this.#prefaceBytes]) {
        this.#fail(ErrorCode.PROTOCOL_ERROR, "the client did not begin with the HTTP/2 preface");
        return undefined;
      }
      at += 1;
      this.#prefaceBytes += 1;
    }
    return at < chunk.length ? chunk.subarray(at) : undefined;
  }

  onOversizedFrame(length: number): void {
    const message = `frame of ${length} bytes is above SETTINGS_MAX_FRAME_SIZE`;
    this.#events.exceed("frame_bytes", ErrorCode.FRAME_SIZE_ERROR, message);
  }

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (!this.#isInOrder(type, flags, streamId)) return;
    switch (type) {
      case FrameType.DATA:
        return this.#onData(flags, streamId, bytes, start, end);
      case FrameType.HEADERS:
        return this.#blocks.onHeaders(flags, streamId, bytes, start, end);
      case FrameType.PRIORITY:
        return this.#onPriority(streamId, bytes, start, end);
      case FrameType.RST_STREAM:
        return this.#onRstStream(streamId, bytes, start, end);
      case FrameType.SETTINGS:
        return this.#onSettings(flags, streamId, bytes, start, end);
      case FrameType.PUSH_PROMISE:
        return this.#fail(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE is disabled");
      case FrameType.PING:
        return this.#onPing(flags, streamId, bytes, start, end);
      case FrameType.GOAWAY:
        return this.#onGoAway(streamId, bytes, start, end);
      case FrameType.WINDOW_UPDATE:
        return this.#onWindowUpdate(streamId, bytes, start, end);
      case FrameType.CONTINUATION:
        return this.#blocks.onContinuation(flags, bytes, start, end);
      default:
        // RFC 9113 section 5.5: frames of unknown types are discarded.
        this.#events.budgets.unknownFrame();
        return;
    }
  }

  onDataBegin(flags: number, streamId: number, length: number): void {
    this.#partsOf = undefined;
    if (!this.#isInOrder(FrameType.DATA, flags, streamId)) return;
    this.#partsOf = this.#acceptData(flags, streamId, length, length);
    this.#doPartsEndStream = (flags & FrameFlag.END_STREAM) !== 0;
  }

  onDataPart(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    const stream = this.#partsOf;
    // A stream, and all that its handler knows, must not live until the next frame in parts.
    if (isLast) this.#partsOf = undefined;
    // The window of a stream that closed meanwhile was given back, with what is still to come of this frame.
    if (stream === undefined || stream.isClosed) return;
    this.#deliver(stream, bytes, start, end, isLast && this.#doPartsEndStream);
  }

  #onData(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const frameBytes = end - start;
    let bodyStart = start;
    let bodyEnd = end;
    if ((flags & FrameFlag.PADDED) !== 0) {
      if (frameBytes === 0) return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "padded DATA without a pad length");
      const padBytes = bytes[start] as number;
      if (padBytes >= frameBytes) return this.#fail(ErrorCode.PROTOCOL_ERROR, "DATA has more padding than payload");
      bodyStart += 1;
      bodyEnd -= padBytes;
    }
    const stream = this.#acceptData(flags, streamId, frameBytes, bodyEnd - bodyStart);
    if (stream !== undefined) {
      this.#deliver(stream, bytes, bodyStart, bodyEnd, (flags & FrameFlag.END_STREAM) !== 0);
    }
  }

  /** Checks a DATA frame and counts all of it as received; undefined when its body is nobody's. */
  #acceptData(flags: number, streamId: number, frameBytes: number, bodyBytes: number): StreamState | undefined {
    const events = this.#events;
    const stream = events.streams.get(streamId);
    if (stream === undefined && !isMerelyLate(events, streamId, "DATA")) return undefined;
    // Even the data of a stream that is gone counts against the connection's window.
    if (!events.dataReceived(frameBytes)) {
      this.#fail(ErrorCode.FLOW_CONTROL_ERROR, "DATA exceeds the connection's window");
      return undefined;
    }
    const endStream = (flags & FrameFlag.END_STREAM) !== 0;
    if (bodyBytes < TINY_FRAME_BYTES && !endStream) {
      if (bodyBytes === 0 ? !events.budgets.emptyFrame() : !events.budgets.tinyFrame()) return undefined;
    }
    if (stream === undefined) {
      events.giveBackUnused(frameBytes);
      return undefined;
    }
    // A stream error would do (RFC 9113 section 5.1), but only a broken or hostile peer comes here.
    if (stream.didRemoteEnd) {
      this.#fail(ErrorCode.STREAM_CLOSED, "DATA after the end of the stream");
      return undefined;
    }
    if (!stream.didReceiveHeaders) {
      events.giveBackUnused(frameBytes);
      events.failStream(streamId, ErrorCode.PROTOCOL_ERROR, "DATA before the headers");
      return undefined;
    }
    if (!events.dataReceivedOn(stream, frameBytes)) {
      this.#fail(ErrorCode.FLOW_CONTROL_ERROR, "DATA exceeds the stream's window");
      return undefined;
    }
    // Padding is nobody's to consume.
    if (frameBytes > bodyBytes) stream.consume(frameBytes - bodyBytes);
    return checkLength(events, stream, bodyBytes, endStream) ? stream : undefined;
  }

  #deliver(stream: StreamState, bytes: Buffer, start: number, end: number, endStream: boolean): void {
    if (endStream) stream.didRemoteEnd = true;
    if (end > start || endStream) stream.handler?.onData(bytes.subarray(start, end), endStream);
    if (endStream) this.#events.remoteEnd(stream);
  }

  #onPriority(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) return this.#fail(ErrorCode.PROTOCOL_ERROR, "PRIORITY on stream 0");
    if (!this.#events.budgets.priority()) return;
    if (end - start !== 5) {
      return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY must have 5 bytes");
    }
    if (readUint31(bytes, start) === streamId) {
      this.#fail(ErrorCode.PROTOCOL_ERROR, `stream ${streamId} depends on itself`);
    }
  }

  #onRstStream(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM must have 4 bytes");
    const stream = this.#events.streams.get(streamId);
    if (stream !== undefined) return this.#events.peerReset(stream, readUint32(bytes, start));
    if (isIdle(this.#events, streamId)) this.#fail(ErrorCode.PROTOCOL_ERROR, `RST_STREAM on idle stream ${streamId}`);
    else this.#events.budgets.control("RST_STREAM on a closed stream");
  }

  #onSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) return this.#fail(ErrorCode.PROTOCOL_ERROR, "SETTINGS on a stream");
    if ((flags & FrameFlag.ACK) !== 0) {
      if (end !== start) return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS acknowledgement with a payload");
      return this.#events.settingsAcked();
    }
    if ((end - start) % 6 !== 0) return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS must have entries of 6 bytes");
    const { peer, limits, budgets } = this.#events;
    if ((end - start) / 6 > limits.maxSettingsEntries) {
      const message = `SETTINGS has more than ${limits.maxSettingsEntries} entries`;
      return this.#events.exceed("settings_entries", ErrorCode.ENHANCE_YOUR_CALM, message);
    }
    if (!budgets.settings()) return;
    // RFC 9113 section 6.5.2: a server that says nothing about streams sets no limit.
    if (!this.#didReceiveSettings) peer.maxConcurrentStreams = Number.POSITIVE_INFINITY;
    this.#didReceiveSettings = true;
    const error = readSettings(bytes, start, end, peer, this.#events.role);
    if (error !== undefined) return this.#fail(error.code, error.message);
    this.#events.settingsChanged();
  }

  #onPing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) return this.#fail(ErrorCode.PROTOCOL_ERROR, "PING on a stream");
    if (end - start !== 8) return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "PING must have 8 bytes");
    if ((flags & FrameFlag.ACK) !== 0) this.#events.pingAcked(bytes, start);
    else this.#events.pinged(bytes, start);
  }

  #onGoAway(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) return this.#fail(ErrorCode.PROTOCOL_ERROR, "GOAWAY on a stream");
    if (end - start < 8) return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY must have 8 bytes or more");
    if (!this.#events.budgets.control("GOAWAY")) return;
    // RFC 9113 section 6.8: the last id may only fall.
    this.#lastGoAwayId = Math.min(this.#lastGoAwayId, readUint31(bytes, start));
    const debugEnd = Math.min(end, start + 8 + this.#events.limits.maxDebugBytes);
    this.#events.peerGoAway(
      this.#lastGoAwayId,
      readUint32(bytes, start + 4),
      bytes.toString("utf8", start + 8, debugEnd),
    );
  }

  #onWindowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE must have 4 bytes");
    if (!this.#events.budgets.windowUpdate()) return;
    const increment = readUint31(bytes, start);
    const stream = streamId === 0 ? undefined : this.#events.streams.get(streamId);
    if (streamId !== 0 && stream === undefined) {
      if (isIdle(this.#events, streamId))
        this.#fail(ErrorCode.PROTOCOL_ERROR, `WINDOW_UPDATE on idle stream ${streamId}`);
      return;
    }
    if (increment === 0) return this.#fail(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0");
    this.#events.windowUpdated(stream, increment);
  }

  /** Whether a frame may come now: SETTINGS come first, and nothing interrupts a header block. */
  #isInOrder(type: number, flags: number, streamId: number): boolean {
    if (this.#events.isClosed) return false;
    if (!this.#didReceiveSettings && (type !== FrameType.SETTINGS || (flags & FrameFlag.ACK) !== 0)) {
      this.#fail(ErrorCode.PROTOCOL_ERROR, "the first frame must be SETTINGS");
      return false;
    }
    const { openStreamId } = this.#blocks;
    if (openStreamId !== undefined && (type !== FrameType.CONTINUATION || streamId !== openStreamId)) {
      this.#fail(ErrorCode.PROTOCOL_ERROR, "a header block was interrupted by another frame");
      return false;
    }
    return true;
  }

  #fail(code: ErrorCode, message: string): void {
    this.#events.fail(code, message);
  }
}
