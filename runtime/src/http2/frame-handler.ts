import { CLIENT_PREFACE, FrameFlag, FrameType, readUint31, readUint32 } from "./frame.js";
import type { FrameSink } from "./frame-reader.js";
import { checkFields, contentLength } from "./header-rules.js";
import { HeaderDecoder } from "./hpack/decoder.js";
import type { Http2Limits } from "./limits.js";
import { type PeerSettings, readSettings } from "./settings.js";
import type { StreamState } from "./stream.js";
import { ErrorCode, type HeaderFields } from "./types.js";

/** What a {@link FrameHandler} knows of its connection and tells it. */
export interface FrameEvents {
  readonly role: "client" | "server";
  readonly limits: Http2Limits;
  readonly peer: PeerSettings;
  readonly streams: ReadonlyMap<number, StreamState>;
  readonly isClosed: boolean;
  readonly isAccepting: boolean;
  lastPeerStreamId: number;
  readonly lastLocalStreamId: number;
  peerOpened(id: number, fields: HeaderFields, endStream: boolean): StreamState;
  dataReceived(byteCount: number): boolean;
  giveBackUnused(byteCount: number): void;
  remoteEnd(stream: StreamState): void;
  peerReset(stream: StreamState, code: number): void;
  windowUpdated(stream: StreamState | undefined, increment: number): void;
  settingsChanged(previousWindowBytes: number): void;
  settingsAcked(): void;
  pinged(payload: Uint8Array, start: number): void;
  pingAcked(): void;
  peerGoAway(lastStreamId: number, code: number, debug: string): void;
  wasReset(id: number): boolean;
  fail(code: ErrorCode, message: string): void;
  failStream(id: number, code: ErrorCode, message: string): void;
}

interface OpenBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly parts: Buffer[];
  byteCount: number;
  continuations: number;
}

/** Reads frames: checks each against RFC 9113 section 6 and the state of its stream, then says what it means. */
export class FrameHandler implements FrameSink {
  readonly #events: FrameEvents;
  readonly #decoder: HeaderDecoder;
  readonly #maxConcurrentStreams: number;
  #prefaceBytes = 0;
  #didReceiveSettings = false;
  #block: OpenBlock | undefined;
  #lastGoAwayId = 0x7fff_ffff;

  constructor(events: FrameEvents, maxHeaderListBytes: number, maxConcurrentStreams: number) {
    this.#events = events;
    this.#maxConcurrentStreams = maxConcurrentStreams;
    this.#decoder = new HeaderDecoder(4096, {
      maxHeaderListBytes,
      hardHeaderListBytes: events.limits.hardHeaderListBytes,
      maxFieldCount: events.limits.maxHeaderFields,
    });
  }

  /** Strips the client's preface off what a server receives. Undefined when there is nothing more to read. */
  readPreface(chunk: Buffer): Buffer | undefined {
    if (this.#events.role === "client" || this.#prefaceBytes === CLIENT_PREFACE.byteLength) return chunk;
    let at = 0;
    while (at < chunk.length && this.#prefaceBytes < CLIENT_PREFACE.byteLength) {
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
    this.#fail(ErrorCode.FRAME_SIZE_ERROR, `frame of ${length} bytes is above SETTINGS_MAX_FRAME_SIZE`);
  }

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (this.#events.isClosed) return;
    if (!this.#didReceiveSettings && (type !== FrameType.SETTINGS || (flags & FrameFlag.ACK) !== 0)) {
      return this.#fail(ErrorCode.PROTOCOL_ERROR, "the first frame must be SETTINGS");
    }
    if (this.#block !== undefined && (type !== FrameType.CONTINUATION || streamId !== this.#block.streamId)) {
      return this.#fail(ErrorCode.PROTOCOL_ERROR, "a header block was interrupted by another frame");
    }
    switch (type) {
      case FrameType.DATA:
        return this.#onData(flags, streamId, bytes, start, end);
      case FrameType.HEADERS:
        return this.#onHeaders(flags, streamId, bytes, start, end);
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
        return this.#onContinuation(flags, bytes, start, end);
      default:
        // RFC 9113 section 5.5: frames of unknown types are discarded.
        return;
    }
  }

  #onData(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const events = this.#events;
    const frameBytes = end - start;
    const stream = events.streams.get(streamId);
    if (stream === undefined && !this.#isKnown(streamId, "DATA")) return;
    // Even the data of a stream that is gone counts against the connection's window.
    if (!events.dataReceived(frameBytes)) {
      return this.#fail(ErrorCode.FLOW_CONTROL_ERROR, "DATA exceeds the connection's window");
    }
    let bodyStart = start;
    let bodyEnd = end;
    if ((flags & FrameFlag.PADDED) !== 0) {
      if (frameBytes === 0) return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "padded DATA without a pad length");
      const padBytes = bytes[start] as number;
      if (padBytes >= frameBytes) return this.#fail(ErrorCode.PROTOCOL_ERROR, "DATA has more padding than payload");
      bodyStart += 1;
      bodyEnd -= padBytes;
    }
    if (stream === undefined) {
      events.giveBackUnused(frameBytes);
      return;
    }
    if (stream.didRemoteEnd) {
      events.giveBackUnused(frameBytes);
      return events.failStream(streamId, ErrorCode.STREAM_CLOSED, "DATA after the end of the stream");
    }
    if (!stream.didReceiveHeaders) {
      events.giveBackUnused(frameBytes);
      return events.failStream(streamId, ErrorCode.PROTOCOL_ERROR, "DATA before the headers");
    }
    stream.receiveWindowBytes -= frameBytes;
    if (stream.receiveWindowBytes < 0) {
      events.giveBackUnused(frameBytes);
      return events.failStream(streamId, ErrorCode.FLOW_CONTROL_ERROR, "DATA exceeds the stream's window");
    }
    const bodyBytes = bodyEnd - bodyStart;
    const endStream = (flags & FrameFlag.END_STREAM) !== 0;
    stream.unconsumedBytes += frameBytes;
    // Padding is nobody's to consume.
    if (frameBytes > bodyBytes) stream.consume(frameBytes - bodyBytes);
    if (!this.#checkLength(stream, bodyBytes, endStream)) return;
    if (endStream) stream.didRemoteEnd = true;
    if (bodyBytes > 0 || endStream) stream.handler?.onData(bytes.subarray(bodyStart, bodyEnd), endStream);
    if (endStream) events.remoteEnd(stream);
  }

  /** RFC 9113 section 8.1.1: a body that differs from its content-length is malformed. */
  #checkLength(stream: StreamState, bodyBytes: number, endStream: boolean): boolean {
    if (Number.isNaN(stream.remainingBodyBytes)) return true;
    stream.remainingBodyBytes -= bodyBytes;
    if (stream.remainingBodyBytes === 0 || (stream.remainingBodyBytes > 0 && !endStream)) return true;
    this.#events.failStream(stream.id, ErrorCode.PROTOCOL_ERROR, "the body differs from its content-length");
    return false;
  }

  #onHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) return this.#fail(ErrorCode.PROTOCOL_ERROR, "HEADERS on stream 0");
    let blockStart = start;
    let blockEnd = end;
    if ((flags & FrameFlag.PADDED) !== 0) {
      if (end === start) return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "padded HEADERS without a pad length");
      blockEnd -= bytes[start] as number;
      blockStart += 1;
    }
    let dependsOn = -1;
    if ((flags & FrameFlag.PRIORITY) !== 0) {
      if (blockEnd - blockStart < 5)
        return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority");
      dependsOn = readUint31(bytes, blockStart);
      blockStart += 5;
    }
    if (blockStart > blockEnd) return this.#fail(ErrorCode.PROTOCOL_ERROR, "HEADERS has more padding than payload");
    const endStream = (flags & FrameFlag.END_STREAM) !== 0;
    if (dependsOn === streamId) {
      return this.#fail(ErrorCode.PROTOCOL_ERROR, `stream ${streamId} depends on itself`);
    }
    if ((flags & FrameFlag.END_HEADERS) !== 0) return this.#onBlock(streamId, endStream, bytes, blockStart, blockEnd);
    this.#block = {
      streamId,
      endStream,
      parts: [Buffer.from(bytes.subarray(blockStart, blockEnd))],
      byteCount: blockEnd - blockStart,
      continuations: 0,
    };
  }

  #onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const block = this.#block;
    if (block === undefined) return this.#fail(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without a header block");
    const { limits } = this.#events;
    block.parts.push(Buffer.from(bytes.subarray(start, end)));
    block.byteCount += end - start;
    block.continuations += 1;
    if (block.byteCount > limits.maxHeaderBlockBytes || block.continuations > limits.maxContinuationFrames) {
      return this.#fail(ErrorCode.ENHANCE_YOUR_CALM, "the header block is too large");
    }
    if ((flags & FrameFlag.END_HEADERS) === 0) return;
    this.#block = undefined;
    const whole = Buffer.concat(block.parts, block.byteCount);
    this.#onBlock(block.streamId, block.endStream, whole, 0, whole.length);
  }

  /** A whole header block. It is decoded in every case: the table must stay in step with the peer's. */
  #onBlock(streamId: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
    const events = this.#events;
    const outcome = this.#decoder.decode(bytes, start, end);
    if (outcome === "error") return this.#fail(ErrorCode.COMPRESSION_ERROR, "a header block can't be decoded");
    const { fields } = this.#decoder;
    const stream = events.streams.get(streamId);
    if (stream === undefined) {
      if (events.role === "server" && streamId > events.lastPeerStreamId && streamId % 2 === 1) {
        this.#onRequest(streamId, endStream, outcome, fields);
      } else {
        this.#isKnown(streamId, "HEADERS");
      }
      return;
    }
    if (stream.didRemoteEnd) {
      return events.failStream(streamId, ErrorCode.STREAM_CLOSED, "HEADERS after the end of the stream");
    }
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
        if (endStream)
          events.failStream(streamId, ErrorCode.PROTOCOL_ERROR, "an informational response ended the stream");
        return;
      }
      stream.didReceiveHeaders = true;
      if (!this.#expectLength(stream, fields, endStream)) return;
    } else if (!this.#checkLength(stream, 0, true)) {
      return;
    }
    if (endStream) stream.didRemoteEnd = true;
    stream.handler?.onHeaders(fields, endStream);
    if (endStream) events.remoteEnd(stream);
  }

  #onRequest(
    streamId: number,
    endStream: boolean,
    outcome: "ok" | "malformed" | "too_large",
    fields: HeaderFields,
  ): void {
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
    if (events.streams.size >= this.#maxConcurrentStreams) {
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
    return endStream || stream.remainingBodyBytes < 0 ? this.#checkLength(stream, 0, endStream) : true;
  }

  #refuseFields(streamId: number, outcome: "malformed" | "too_large"): void {
    if (outcome === "malformed") {
      this.#events.failStream(streamId, ErrorCode.PROTOCOL_ERROR, "a header field has illegal characters");
    } else {
      this.#events.failStream(streamId, ErrorCode.ENHANCE_YOUR_CALM, "the header list is above MAX_HEADER_LIST_SIZE");
    }
  }

  #onPriority(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) return this.#fail(ErrorCode.PROTOCOL_ERROR, "PRIORITY on stream 0");
    if (end - start !== 5) {
      // RFC 9113 section 6.4: an idle stream can't be reset.
      if (this.#isIdle(streamId)) return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY must have 5 bytes");
      return this.#events.failStream(streamId, ErrorCode.FRAME_SIZE_ERROR, "PRIORITY must have 5 bytes");
    }
    if (readUint31(bytes, start) === streamId) {
      this.#fail(ErrorCode.PROTOCOL_ERROR, `stream ${streamId} depends on itself`);
    }
  }

  #onRstStream(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM must have 4 bytes");
    const stream = this.#events.streams.get(streamId);
    if (stream !== undefined) this.#events.peerReset(stream, readUint32(bytes, start));
    else if (this.#isIdle(streamId)) this.#fail(ErrorCode.PROTOCOL_ERROR, `RST_STREAM on idle stream ${streamId}`);
  }

  #onSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) return this.#fail(ErrorCode.PROTOCOL_ERROR, "SETTINGS on a stream");
    if ((flags & FrameFlag.ACK) !== 0) {
      if (end !== start) return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS acknowledgement with a payload");
      return this.#events.settingsAcked();
    }
    if ((end - start) % 6 !== 0) return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS must have entries of 6 bytes");
    if ((end - start) / 6 > this.#events.limits.maxSettingsEntries) {
      return this.#fail(ErrorCode.ENHANCE_YOUR_CALM, "SETTINGS has too many entries");
    }
    const { peer } = this.#events;
    // RFC 9113 section 6.5.2: a server that says nothing about streams sets no limit.
    if (!this.#didReceiveSettings) peer.maxConcurrentStreams = Number.POSITIVE_INFINITY;
    this.#didReceiveSettings = true;
    const previousWindowBytes = peer.initialWindowBytes;
    const error = readSettings(bytes, start, end, peer, this.#events.role);
    if (error !== undefined) return this.#fail(error.code, error.message);
    this.#events.settingsChanged(previousWindowBytes);
  }

  #onPing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) return this.#fail(ErrorCode.PROTOCOL_ERROR, "PING on a stream");
    if (end - start !== 8) return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "PING must have 8 bytes");
    if ((flags & FrameFlag.ACK) !== 0) this.#events.pingAcked();
    else this.#events.pinged(bytes, start);
  }

  #onGoAway(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) return this.#fail(ErrorCode.PROTOCOL_ERROR, "GOAWAY on a stream");
    if (end - start < 8) return this.#fail(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY must have 8 bytes or more");
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
    const increment = readUint31(bytes, start);
    const stream = streamId === 0 ? undefined : this.#events.streams.get(streamId);
    if (streamId !== 0 && stream === undefined) {
      if (this.#isIdle(streamId)) this.#fail(ErrorCode.PROTOCOL_ERROR, `WINDOW_UPDATE on idle stream ${streamId}`);
      return;
    }
    if (increment > 0) return this.#events.windowUpdated(stream, increment);
    if (stream === undefined) this.#fail(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0");
    else this.#events.failStream(streamId, ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0");
  }

  /** Judges a frame on a stream that is not open. True when it is merely late. */
  #isKnown(streamId: number, frame: string): boolean {
    if (streamId === 0 || this.#isIdle(streamId)) {
      this.#fail(ErrorCode.PROTOCOL_ERROR, `${frame} on ${streamId === 0 ? "stream 0" : `idle stream ${streamId}`}`);
      return false;
    }
    if (this.#events.wasReset(streamId)) return true;
    this.#fail(ErrorCode.STREAM_CLOSED, `${frame} on closed stream ${streamId}`);
    return false;
  }

  #isIdle(streamId: number): boolean {
    const { role, lastPeerStreamId, lastLocalStreamId } = this.#events;
    if (streamId === 0) return true;
    const isOurs = (streamId % 2 === 1) === (role === "client");
    return streamId > (isOurs ? lastLocalStreamId : lastPeerStreamId);
  }

  #fail(code: ErrorCode, message: string): void {
    this.#events.fail(code, message);
  }
}

function isInformational(fields: HeaderFields): boolean {
  return fields[0] === ":status" && (fields[1] as string).charCodeAt(0) === 0x31 && fields[1] !== "101";
}
