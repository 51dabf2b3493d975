import type { Clock } from "../base/clock.js";
import type { Rng } from "../base/rng.js";
import { DataScheduler } from "./data-scheduler.js";
import { DEFAULT_WINDOW_BYTES, MAX_STREAM_ID, MAX_WINDOW_BYTES } from "./frame.js";
import { type FrameEvents, FrameHandler } from "./frame-handler.js";
import { FrameReader } from "./frame-reader.js";
import { FrameWriter } from "./frame-writer.js";
import { type Http2Limits, http2Limits } from "./limits.js";
import { ResetMemory } from "./reset-memory.js";
import { defaultPeerSettings, type PeerSettings, Setting } from "./settings.js";
import { type StreamOwner, StreamState } from "./stream.js";
import {
  type ConnectionError,
  type ConnectionHandler,
  ErrorCode,
  type ErrorOrigin,
  type HeaderFields,
  type HeaderTemplate,
  type Http2Connection,
  type Http2Options,
  type Http2Stream,
  type StreamError,
  type StreamHandler,
} from "./types.js";

/** What {@link createHttp2Connection} makes a connection of. */
export interface ConnectionInit {
  readonly role: "client" | "server";
  readonly clock: Clock;
  readonly rng: Rng;
  readonly handler: ConnectionHandler;
  readonly options: Http2Options;
}

const DRAIN_PING = Buffer.from("drain\0\0\0", "latin1");

/** Makes a connection and queues what it says first. */
export function createHttp2Connection(init: ConnectionInit): Http2Connection {
  return new Connection(init);
}

/** Both roles of RFC 9113 over {@link FrameHandler}, which reads, and {@link FrameWriter} with {@link DataScheduler}. */
class Connection implements Http2Connection, FrameEvents, StreamOwner {
  readonly role: "client" | "server";
  readonly limits: Http2Limits;
  readonly writer = new FrameWriter();
  readonly streams = new Map<number, StreamState>();
  readonly peer: PeerSettings;
  isClosed = false;
  isDraining = false;
  /** Highest stream id that the peer opened. */
  lastPeerStreamId = 0;
  /** Highest stream id that we opened. */
  lastLocalStreamId = 0;
  readonly #handler: ConnectionHandler;
  readonly #scheduler: DataScheduler;
  readonly #reader: FrameReader;
  readonly #frames: FrameHandler;
  readonly #streamWindowBytes: number;
  readonly #connectionWindowBytes: number;
  readonly #pings: (() => void)[] = [];
  readonly #resets: ResetMemory;
  #receiveWindowBytes: number;
  #unreturnedBytes = 0;
  #pendingReplies = 0;
  #isSignalled = false;
  #isReading = false;
  #didPeerGoAway = false;
  /** What the peer's GOAWAY complained about: it ends the connection once the last stream has ended. */
  #goAwayError: ConnectionError | undefined;
  /** Streams of ours above this were never handed to the transport. */
  #takenStreamId = 0;
  /** Last id of the final GOAWAY that we sent: streams above it are refused. RFC 9113 section 6.8: it may not rise. */
  #finalStreamId = MAX_STREAM_ID;
  #didPeerAckSettings = false;

  constructor({ role, handler, options }: ConnectionInit) {
    this.role = role;
    this.#handler = handler;
    this.limits = http2Limits(options);
    const { maxHeaderListBytes, maxConcurrentStreams, maxFrameBytes } = this.limits;
    this.#resets = new ResetMemory(this.limits.rememberedResets);
    this.peer = defaultPeerSettings(role === "client" ? this.limits.maxStreamsBeforeSettings : 0);
    this.#streamWindowBytes = this.limits.initialStreamWindowBytes;
    this.#connectionWindowBytes = this.limits.connectionWindowBytes;
    this.#receiveWindowBytes = this.#connectionWindowBytes;
    this.#scheduler = new DataScheduler(
      this.writer,
      {
        streamSendBufferBytes: this.limits.streamSendBufferBytes,
        outputHighBytes: this.limits.outputHighBytes,
      },
      { onLocalEnd: (stream) => this.#localEnd(stream), onWritten: () => this.#signal() },
    );
    this.#frames = new FrameHandler(this, maxHeaderListBytes, maxConcurrentStreams);
    this.#reader = new FrameReader(this.#frames, maxFrameBytes);
    if (role === "client") this.writer.preface();
    this.writer.settings([
      role === "client" ? [Setting.ENABLE_PUSH, 0] : [Setting.MAX_CONCURRENT_STREAMS, maxConcurrentStreams],
      [Setting.INITIAL_WINDOW_SIZE, this.#streamWindowBytes],
      [Setting.MAX_FRAME_SIZE, maxFrameBytes],
      [Setting.MAX_HEADER_LIST_SIZE, maxHeaderListBytes],
    ]);
    const grant = this.#connectionWindowBytes - DEFAULT_WINDOW_BYTES;
    if (grant > 0) this.writer.windowUpdate(0, grant);
    else this.#receiveWindowBytes = DEFAULT_WINDOW_BYTES;
    this.#signal();
  }

  get openStreams(): number {
    return this.streams.size;
  }

  get canOpenStream(): boolean {
    return (
      !this.isDraining &&
      !this.isClosed &&
      this.streams.size < this.peer.maxConcurrentStreams &&
      this.lastLocalStreamId < this.limits.maxStreamId
    );
  }

  receive(bytes: Uint8Array): void {
    if (this.isClosed) return;
    const chunk = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const rest = this.#frames.readPreface(chunk);
    if (rest === undefined) return;
    this.#isReading = true;
    this.#reader.read(rest);
    this.#isReading = false;
    if (this.isClosed) this.#reader.stop();
    else if (this.#scheduler.isWaiting) this.#scheduler.pump();
  }

  transportClosed(error: Error | undefined): void {
    if (this.isClosed) return;
    const isOrderly = error === undefined && this.streams.size === 0;
    const message = error === undefined ? "the peer closed the connection" : `connection lost: ${error.message}`;
    this.#end(isOrderly ? undefined : { code: ErrorCode.CONNECT_ERROR, origin: "remote", message }, true);
  }

  takeOutput(write: (bytes: Uint8Array) => void): void {
    this.#isSignalled = false;
    this.#pendingReplies = 0;
    this.#takenStreamId = this.lastLocalStreamId;
    this.writer.output.take(write);
    if (this.#scheduler.isWaiting) this.#scheduler.pump();
  }

  openStream(
    template: HeaderTemplate,
    extra: HeaderFields | undefined,
    endStream: boolean,
    handler: StreamHandler,
  ): Http2Stream {
    if (!this.canOpenStream) throw new Error("openStream: ask canOpenStream first");
    const id = this.lastLocalStreamId === 0 ? 1 : this.lastLocalStreamId + 2;
    this.lastLocalStreamId = id;
    const stream = this.#addStream(id);
    stream.handler = handler;
    this.writeHeaders(stream, template, extra, endStream);
    return stream;
  }

  ping(onAck: () => void): void {
    if (this.isClosed) return;
    this.#pings.push(onAck);
    this.writer.ping(DRAIN_PING, 0, false);
    this.#signal();
  }

  drain(): void {
    if (this.isDraining || this.isClosed) return;
    this.isDraining = true;
    if (this.role === "client") {
      this.writer.goAway(0, ErrorCode.NO_ERROR, "");
    } else {
      // A client may have opened streams that are on their way: they are still served, up to the answer to the PING.
      this.writer.goAway(MAX_STREAM_ID, ErrorCode.NO_ERROR, "");
      this.ping(() => {
        this.#finalStreamId = this.lastPeerStreamId;
        this.writer.goAway(this.#finalStreamId, ErrorCode.NO_ERROR, "");
        this.#signal();
        this.#endIfDrained();
      });
    }
    this.#signal();
    if (this.role === "client") this.#endIfDrained();
  }

  close(code: ErrorCode, message: string): void {
    if (this.isClosed) return;
    this.#sayGoodbye(code, message);
    this.#end({ code, origin: "user", message });
  }

  // ---- StreamOwner: what users do with their streams

  writeHeaders(
    stream: StreamState,
    template: HeaderTemplate,
    extra: HeaderFields | undefined,
    endStream: boolean,
  ): void {
    if (stream.isClosed || stream.didLocalEnd || stream.queuedEnd !== "none") return;
    if (stream.queue.length > 0) {
      // Trailers wait for the body before them.
      stream.queuedEnd = "trailers";
      stream.queuedTrailers = { template, extra };
      return;
    }
    this.writer.headers(stream.id, template, extra, endStream);
    this.#signal();
    if (endStream) this.#localEnd(stream);
  }

  writeData(stream: StreamState, bytes: Uint8Array, endStream: boolean, prefix: Uint8Array | undefined): boolean {
    if (stream.isClosed || stream.didLocalEnd || stream.queuedEnd !== "none") return true;
    return this.#scheduler.send(stream, bytes, endStream, prefix);
  }

  consume(stream: StreamState, byteCount: number): void {
    // What a closed stream still held was given back when it closed. Nothing is given back twice.
    const returnedBytes = Math.min(byteCount, stream.unconsumedBytes);
    if (stream.isClosed || returnedBytes <= 0) return;
    stream.unconsumedBytes -= returnedBytes;
    this.#giveBack(returnedBytes);
    if (stream.didRemoteEnd) return;
    stream.unreturnedBytes += returnedBytes;
    if (stream.unreturnedBytes * 2 < this.#streamWindowBytes) return;
    stream.receiveWindowBytes += stream.unreturnedBytes;
    this.writer.windowUpdate(stream.id, stream.unreturnedBytes);
    stream.unreturnedBytes = 0;
    this.#signal();
  }

  progress(_stream: StreamState): void {}

  hold(_stream: StreamState): void {}

  release(_stream: StreamState): void {}

  reset(stream: StreamState, code: ErrorCode): void {
    if (stream.isClosed) return;
    this.#remove(stream);
    this.rememberReset(stream.id);
    this.writer.rstStream(stream.id, code);
    this.#signal();
    this.#afterRemoval();
  }

  // ---- FrameEvents: what the peer does

  /** Whether a stream that the peer opens now is still served: not after our final GOAWAY. */
  get isAccepting(): boolean {
    return this.#finalStreamId === MAX_STREAM_ID;
  }

  /** A request arrived: opens its stream. */
  peerOpened(id: number, fields: HeaderFields, endStream: boolean): StreamState {
    const stream = this.#addStream(id);
    stream.didReceiveHeaders = true;
    stream.handler = this.#handler.onStream(stream, fields, endStream);
    return stream;
  }

  dataReceived(byteCount: number): boolean {
    this.#receiveWindowBytes -= byteCount;
    return this.#receiveWindowBytes >= 0;
  }

  /** Gives bytes back that no stream's user will consume. */
  giveBackUnused(byteCount: number): void {
    this.#giveBack(byteCount);
  }

  remoteEnd(stream: StreamState): void {
    stream.didRemoteEnd = true;
    if (stream.didLocalEnd && !stream.isClosed) this.#finish(stream);
  }

  peerReset(stream: StreamState, code: number): void {
    const isNoError = code === ErrorCode.NO_ERROR;
    this.#remove(stream);
    // RFC 9113 section 8.1: after a complete response, NO_ERROR only says that the rest of the request is not wanted.
    const error: StreamError | undefined =
      isNoError && stream.didRemoteEnd
        ? undefined
        : {
            code,
            origin: "remote",
            message: `the peer reset the stream with ${errorName(code)}`,
            unprocessed: code === ErrorCode.REFUSED_STREAM,
          };
    stream.handler?.onClose(error);
    this.#afterRemoval();
  }

  windowUpdated(stream: StreamState | undefined, increment: number): void {
    if (stream === undefined) {
      this.#scheduler.connectionWindowBytes += increment;
      if (this.#scheduler.connectionWindowBytes > MAX_WINDOW_BYTES) {
        this.fail(ErrorCode.FLOW_CONTROL_ERROR, "connection window exceeds 2^31-1");
      }
      return;
    }
    stream.sendWindowBytes += increment;
    if (stream.sendWindowBytes > MAX_WINDOW_BYTES) {
      this.failStream(stream.id, ErrorCode.FLOW_CONTROL_ERROR, "stream window exceeds 2^31-1");
    } else {
      this.#scheduler.wake(stream);
    }
  }

  settingsChanged(previousWindowBytes: number): void {
    const { peer } = this;
    this.writer.maxFrameBytes = peer.maxFrameBytes;
    // RFC 7541 section 4.2: the smallest size on the way counts as well, for it evicted entries at the peer.
    this.writer.encoder.setMaxTableBytes(peer.smallestHeaderTableBytes);
    this.writer.encoder.setMaxTableBytes(peer.headerTableBytes);
    peer.smallestHeaderTableBytes = peer.headerTableBytes;
    const change = peer.initialWindowBytes - previousWindowBytes;
    if (change !== 0) {
      for (const stream of this.streams.values()) {
        stream.sendWindowBytes += change;
        if (stream.sendWindowBytes > MAX_WINDOW_BYTES) {
          this.fail(ErrorCode.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE lifts a stream's window above 2^31-1");
          return;
        }
        this.#scheduler.wake(stream);
      }
    }
    this.writer.settingsAck();
    this.reply();
    this.#handler.onCapacity();
  }

  settingsAcked(): void {
    if (this.#didPeerAckSettings) return;
    this.#didPeerAckSettings = true;
    const excessBytes = DEFAULT_WINDOW_BYTES - this.#streamWindowBytes;
    if (excessBytes <= 0) return;
    for (const stream of this.streams.values()) stream.receiveWindowBytes -= excessBytes;
  }

  pinged(payload: Uint8Array, start: number): void {
    this.writer.ping(payload, start, true);
    this.reply();
  }

  pingAcked(): void {
    this.#pings.shift()?.();
  }

  peerGoAway(lastStreamId: number, code: number, debug: string): void {
    this.isDraining = true;
    this.#didPeerGoAway = true;
    const reason = `the peer is going away with ${errorName(code)}${debug === "" ? "" : `: ${debug}`}`;
    for (const stream of [...this.streams.values()]) {
      // A handler may have closed this stream, or all of them, meanwhile.
      if (this.role === "server" || stream.id <= lastStreamId || stream.isClosed) continue;
      this.#remove(stream);
      stream.handler?.onClose({ code: ErrorCode.REFUSED_STREAM, origin: "remote", message: reason, unprocessed: true });
    }
    if (this.isClosed) return;
    if (code !== ErrorCode.NO_ERROR) this.#goAwayError = { code, origin: "remote", message: reason };
    this.#handler.onCapacity();
    this.#endIfDrained();
  }

  /** Counts a frame that the peer made us send; too many that it does not read end the connection. */
  reply(): void {
    this.#pendingReplies += 1;
    this.#signal();
    if (this.#pendingReplies > this.limits.maxReplies) {
      this.fail(ErrorCode.ENHANCE_YOUR_CALM, `${this.#pendingReplies} replies wait for the peer to read them`);
    }
  }

  fail(code: ErrorCode, message: string): void {
    if (this.isClosed) return;
    this.#sayGoodbye(code, message);
    this.#end({ code, origin: "library", message });
  }

  failStream(id: number, code: ErrorCode, message: string): void {
    const stream = this.streams.get(id);
    this.writer.rstStream(id, code);
    this.rememberReset(id);
    this.reply();
    // The reply too many ended the connection, and with it this stream.
    if (stream === undefined || stream.isClosed) return;
    this.#remove(stream);
    const origin: ErrorOrigin = "library";
    stream.handler?.onClose({ code, origin, message, unprocessed: code === ErrorCode.REFUSED_STREAM });
    this.#afterRemoval();
  }

  /** We reset this stream, so frames of it that are under way are no errors. */
  wasReset(id: number): boolean {
    return this.#resets.has(id);
  }

  rememberReset(id: number): void {
    this.#resets.add(id);
  }

  // ---- the rest

  #addStream(id: number): StreamState {
    // RFC 9113 section 6.9.3: until it acknowledges our SETTINGS, the peer may send what the initial window allows.
    const windowBytes = this.#didPeerAckSettings
      ? this.#streamWindowBytes
      : Math.max(this.#streamWindowBytes, DEFAULT_WINDOW_BYTES);
    const stream = new StreamState(id, this, this.peer.initialWindowBytes, windowBytes);
    this.streams.set(id, stream);
    return stream;
  }

  #localEnd(stream: StreamState): void {
    const trailers = stream.queuedTrailers;
    if (trailers !== undefined) {
      stream.queuedTrailers = undefined;
      this.writer.headers(stream.id, trailers.template, trailers.extra, true);
      this.#signal();
    }
    stream.didLocalEnd = true;
    if (stream.didRemoteEnd && !stream.isClosed) this.#finish(stream);
  }

  /** Both sides ended the stream in order. */
  #finish(stream: StreamState): void {
    this.#remove(stream);
    stream.handler?.onClose(undefined);
    this.#afterRemoval();
  }

  #remove(stream: StreamState): void {
    stream.isClosed = true;
    this.streams.delete(stream.id);
    this.#scheduler.drop(stream);
    if (stream.unconsumedBytes > 0) this.#giveBack(stream.unconsumedBytes);
    stream.unconsumedBytes = 0;
  }

  #afterRemoval(): void {
    if (this.isClosed) return;
    if (this.isDraining) this.#endIfDrained();
    else if (this.role === "client" && this.streams.size + 1 >= this.peer.maxConcurrentStreams) {
      this.#handler.onCapacity();
    }
  }

  #sayGoodbye(code: ErrorCode, message: string): void {
    this.writer.goAway(Math.min(this.#finalStreamId, this.lastPeerStreamId), code, message);
    this.#signal();
  }

  #endIfDrained(): void {
    if (this.isClosed || this.streams.size > 0) return;
    if (this.role === "client" || this.#didPeerGoAway || this.#finalStreamId !== MAX_STREAM_ID) {
      this.#end(this.#goAwayError);
    }
  }

  /** `isTransportGone`: what is still in the output will never leave, so streams that begin there were never sent. */
  #end(error: ConnectionError | undefined, isTransportGone = false): void {
    this.isClosed = true;
    this.isDraining = true;
    if (this.#isReading) this.#reader.stop();
    const streams = [...this.streams.values()];
    this.streams.clear();
    for (const stream of streams) {
      stream.isClosed = true;
      this.#scheduler.drop(stream);
    }
    for (const stream of streams) {
      stream.handler?.onClose({
        code: error?.code ?? ErrorCode.NO_ERROR,
        origin: error?.origin ?? "library",
        message: error?.message ?? "the connection was closed",
        unprocessed: isTransportGone && this.role === "client" && stream.id > this.#takenStreamId,
      });
    }
    this.#handler.onClose(error);
  }

  #giveBack(byteCount: number): void {
    this.#unreturnedBytes += byteCount;
    if (this.isClosed || this.#unreturnedBytes * 2 < this.#connectionWindowBytes) return;
    this.#receiveWindowBytes += this.#unreturnedBytes;
    this.writer.windowUpdate(0, this.#unreturnedBytes);
    this.#unreturnedBytes = 0;
    this.#signal();
  }

  #signal(): void {
    if (this.#isSignalled) return;
    this.#isSignalled = true;
    this.#handler.onOutput();
  }
}

function errorName(code: number): string {
  const found = Object.entries(ErrorCode).find(([, value]) => value === code);
  return found === undefined ? `error code ${code}` : found[0];
}
