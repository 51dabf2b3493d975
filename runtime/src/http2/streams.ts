import type { DataScheduler } from "./data-scheduler.js";
import type { FrameWriter } from "./frame-writer.js";
import type { Http2Limits } from "./limits.js";
import type { PeerBudgets } from "./peer-budgets.js";
import type { Pings } from "./pings.js";
import type { ReceiveWindows } from "./receive-windows.js";
import { ResetMemory } from "./reset-memory.js";
import { type StreamOwner, StreamState } from "./stream.js";
import type { Timeouts } from "./timeouts.js";
import { ErrorCode, type HeaderFields, type HeaderTemplate, type Memory, type StreamError } from "./types.js";

/** The parts of a connection that its streams work with. */
export interface StreamParts {
  readonly limits: Http2Limits;
  readonly writer: FrameWriter;
  readonly scheduler: DataScheduler;
  readonly windows: ReceiveWindows;
  readonly budgets: PeerBudgets;
  readonly pings: Pings;
  readonly timeouts: Timeouts;
  /** There is output. */
  signal(): void;
  /** A stream ended; its handler has been told. */
  onEnded(): void;
}

/** The streams of a connection: what their users do with them, and how each comes to its end. */
export class Streams implements StreamOwner {
  /** Streams that have not ended, by id. */
  readonly open: Map<number, StreamState> = new Map();
  readonly #parts: StreamParts;
  readonly #resets: ResetMemory;
  /** Streams that have ended while a handler still works for them. */
  #heldStreams = 0;

  constructor(parts: StreamParts) {
    this.#parts = parts;
    this.#resets = new ResetMemory(parts.limits.rememberedResets);
  }

  /** Whether one more stream is within MAX_CONCURRENT_STREAMS; a reset one counts until its handler is done (A1). */
  get hasRoom(): boolean {
    return this.open.size + this.#heldStreams < this.#parts.limits.maxConcurrentStreams;
  }

  /** Opens a stream in the read of that number. */
  add(id: number, turn: number): StreamState {
    const stream = new StreamState(id, this, turn);
    this.open.set(id, stream);
    this.#parts.budgets.streamOpened();
    this.#parts.timeouts.opened(stream);
    return stream;
  }

  /** Whether we reset this stream, so that frames of it that are under way are no errors. */
  wasReset(id: number): boolean {
    return this.#resets.has(id);
  }

  /** The last byte of a stream's body left: trailers that waited for it follow. */
  localEnd(stream: StreamState): void {
    const trailers = stream.queuedTrailers;
    if (trailers !== undefined) {
      stream.queuedTrailers = undefined;
      this.#writeHeaderBlock(stream, trailers.template, trailers.extra, true);
    }
    stream.didLocalEnd = true;
    if (stream.didRemoteEnd && !stream.isClosed) this.end(stream, undefined);
  }

  /** The peer's last frame of a stream came. */
  remoteEnd(stream: StreamState): void {
    stream.didRemoteEnd = true;
    if (stream.didLocalEnd && !stream.isClosed) this.end(stream, undefined);
  }

  /**
   * Ends a stream and tells its handler. `isEarned`: it ended after there was time to work on it, which earns its peer
   * a reset.
   */
  end(stream: StreamState, error: StreamError | undefined, isEarned = true): void {
    this.#remove(stream, isEarned);
    stream.handler?.onClose(error);
    this.#parts.onEnded();
  }

  /** The peer certainly did not process streams of ours above this one. */
  refuseAbove(lastStreamId: number, message: string): void {
    const error: StreamError = { code: ErrorCode.REFUSED_STREAM, origin: "remote", message, unprocessed: true };
    // A handler may close other streams, or all of them, meanwhile.
    for (const stream of [...this.open.values()]) {
      if (stream.id > lastStreamId && !stream.isClosed) this.end(stream, error);
    }
  }

  /** Writes RST_STREAM, also for a stream that never was, or is no more. */
  writeReset(id: number, code: ErrorCode): void {
    this.#parts.writer.rstStream(id, code);
    this.#resets.add(id);
    this.#parts.signal();
  }

  /** The connection is over: closes all streams, whose handlers are the caller's to tell. */
  closeAll(): StreamState[] {
    const streams = [...this.open.values()];
    this.open.clear();
    for (const stream of streams) stream.isClosed = true;
    for (const stream of streams) this.#parts.scheduler.drop(stream);
    return streams;
  }

  // ---- what users do

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
    this.#writeHeaderBlock(stream, template, extra, endStream);
    if (endStream) this.localEnd(stream);
  }

  writeData(
    stream: StreamState,
    bytes: Uint8Array,
    endStream: boolean,
    prefix: Uint8Array | undefined,
    memory: Memory,
  ): boolean {
    if (stream.isClosed || stream.didLocalEnd || stream.queuedEnd !== "none") return true;
    this.#parts.timeouts.active(stream);
    return this.#parts.scheduler.send(stream, bytes, endStream, prefix, memory);
  }

  consume(stream: StreamState, byteCount: number): void {
    this.#parts.windows.consume(stream, byteCount);
  }

  progress(): void {
    this.#parts.budgets.progress();
  }

  hold(stream: StreamState): void {
    stream.holds += 1;
    if (stream.isClosed && stream.holds === 1) this.#heldStreams += 1;
  }

  release(stream: StreamState): void {
    stream.holds -= 1;
    if (stream.isClosed && stream.holds === 0) this.#heldStreams -= 1;
  }

  reset(stream: StreamState, code: ErrorCode): void {
    if (stream.isClosed) return;
    this.#remove(stream, true);
    this.writeReset(stream.id, code);
    this.#parts.onEnded();
  }

  #writeHeaderBlock(
    stream: StreamState,
    template: HeaderTemplate,
    extra: HeaderFields | undefined,
    endStream: boolean,
  ): void {
    const { writer, budgets, pings, timeouts } = this.#parts;
    writer.headers(stream.id, template, extra, endStream);
    budgets.headersSent();
    pings.sent();
    timeouts.active(stream);
    this.#parts.signal();
  }

  #remove(stream: StreamState, isEarned: boolean): void {
    const { budgets, scheduler, windows, timeouts } = this.#parts;
    stream.isClosed = true;
    this.open.delete(stream.id);
    if (stream.holds > 0) this.#heldStreams += 1;
    if (isEarned) budgets.streamEnded();
    scheduler.drop(stream);
    windows.close(stream);
    if (this.open.size === 0) timeouts.idle();
  }
}
