import type { Clock } from "../base/clock.js";
import type { DataScheduler } from "./data-scheduler.js";
import type { Http2Limits } from "./limits.js";
import type { StreamState } from "./stream.js";
import type { HeaderFields, StreamHandler } from "./types.js";

/** Told by {@link WaitingStreams} what becomes of those that waited. */
export interface WaitingStreamsOwner {
  /** Asks the server's user who hears of the stream. What came meanwhile follows at once. */
  serve(stream: StreamState, fields: HeaderFields, endStream: boolean): StreamHandler;
  /** The peer's last frame of the stream has been told. */
  remoteEnd(stream: StreamState): void;
}

/**
 * Streams that a peer opened while too much waits to be sent to it (A19). A call that is served ends in an answer, and
 * one that is sent whole has no sender who could be asked to wait: so the call itself does, first come first served.
 *
 * ```
 *   peer opens -> waits -> served: its handler gets what came meanwhile, then what comes
 *                   \----> reset, timed out, connection lost: it never had a handler, and nobody is told
 * ```
 *
 * The peer bounds what waits: streams by MAX_CONCURRENT_STREAMS, bodies by the receive windows, of which nothing is
 * given back. Reading goes on, for what lets bytes go is a WINDOW_UPDATE. A peer that never sends one has its stalled
 * streams ended by `stallTimeoutMs`, and then those that wait are served.
 */
export class WaitingStreams {
  readonly #queue = new Map<StreamState, WaitingStream>();
  readonly #scheduler: DataScheduler;
  readonly #limits: Http2Limits;
  readonly #clock: Clock;
  readonly #owner: WaitingStreamsOwner;
  #isOpening = false;

  constructor(scheduler: DataScheduler, limits: Http2Limits, clock: Clock, owner: WaitingStreamsOwner) {
    this.#scheduler = scheduler;
    this.#limits = limits;
    this.#clock = clock;
    this.#owner = owner;
  }

  /** The peer opened a stream: it is served at once, or kept, and then this is its handler. */
  accept(stream: StreamState, fields: HeaderFields, endStream: boolean): void {
    if (!this.#isTooMuch && this.#queue.size === 0) {
      this.#owner.serve(stream, fields, endStream);
      return;
    }
    const waiting = new WaitingStream(fields, endStream, () => this.#queue.delete(stream));
    stream.handler = waiting;
    this.#queue.set(stream, waiting);
  }

  has(stream: StreamState): boolean {
    return this.#queue.has(stream);
  }

  /** Less waits to be sent: from half of the limit on, those who wait are served. */
  sent(): void {
    if (this.#queue.size === 0 || this.#isOpening) return;
    if (this.#scheduler.queuedBytes * 2 > this.#limits.deferAtUnsentBytes) return;
    this.#isOpening = true;
    this.#clock.yield(() => this.#serveSome());
  }

  get #isTooMuch(): boolean {
    return this.#scheduler.queuedBytes > this.#limits.deferAtUnsentBytes;
  }

  /** A turn's worth of them, as long as their answers leave. */
  #serveSome(): void {
    let served = 0;
    for (const [stream, waiting] of this.#queue) {
      if (this.#isTooMuch) break;
      this.#queue.delete(stream);
      this.#serve(stream, waiting);
      served += 1;
      if (served === this.#limits.maxStreamsPerTurn) break;
    }
    this.#isOpening = this.#queue.size > 0 && !this.#isTooMuch;
    if (this.#isOpening) this.#clock.yield(() => this.#serveSome());
  }

  /** Says all that the peer said, as if it came now: the stream is as it was before the peer's end. */
  #serve(stream: StreamState, { fields, endStream, body, isBodyLast, trailers }: WaitingStream): void {
    stream.handler = undefined;
    stream.didRemoteEnd = false;
    const handler = this.#owner.serve(stream, fields, endStream);
    if (body !== undefined && !stream.isClosed) {
      stream.didRemoteEnd = isBodyLast;
      handler.onData(body, isBodyLast);
    }
    if (trailers !== undefined && !stream.isClosed) {
      stream.didRemoteEnd = true;
      handler.onHeaders(trailers, true);
    }
    if (endStream || isBodyLast || trailers !== undefined) this.#owner.remoteEnd(stream);
  }
}

/** Keeps what the peer says on one stream. */
class WaitingStream implements StreamHandler {
  readonly fields: HeaderFields;
  readonly endStream: boolean;
  isBodyLast = false;
  trailers: HeaderFields | undefined;
  readonly #drop: () => void;
  /** With a quarter to spare, so that many small frames are copied a few times only. */
  #buffer: Buffer | undefined;
  #bodyBytes = 0;

  constructor(fields: HeaderFields, endStream: boolean, drop: () => void) {
    this.fields = fields;
    this.endStream = endStream;
    this.#drop = drop;
  }

  /** The body, if any came: empty when all that came is its end. */
  get body(): Uint8Array | undefined {
    return this.#buffer?.subarray(0, this.#bodyBytes);
  }

  onHeaders(fields: HeaderFields): void {
    this.trailers = fields;
  }

  onData(bytes: Uint8Array, endStream: boolean): void {
    this.isBodyLast = endStream;
    const byteCount = this.#bodyBytes + bytes.length;
    if (this.#buffer === undefined || byteCount > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(endStream ? byteCount : byteCount + (byteCount >>> 2));
      this.#buffer?.copy(grown, 0, 0, this.#bodyBytes);
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#bodyBytes);
    this.#bodyBytes = byteCount;
  }

  onWritable(): void {}

  onClose(): void {
    this.#drop();
  }
}
