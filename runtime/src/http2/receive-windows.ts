import type { Clock } from "../base/clock.js";
import { DEFAULT_WINDOW_BYTES, MAX_WINDOW_BYTES } from "./frame.js";
import type { Http2Limits } from "./limits.js";
import type { StreamState } from "./stream.js";

/** What {@link ReceiveWindows} knows of its connection, and has said to the peer. */
export interface ReceiveWindowsOwner {
  /** Streams that have not ended. */
  streams(): ReadonlyMap<number, StreamState>;
  /** WINDOW_UPDATE; stream 0 is the connection. */
  sendWindowUpdate(streamId: number, byteCount: number): void;
  /** SETTINGS_INITIAL_WINDOW_SIZE. */
  sendInitialWindow(byteCount: number): void;
  /** PING; `onAck` is called when the peer has answered. */
  sendPing(onAck: () => void): void;
}

// From the end of one crowd to that of the next, at least. Each way costs a SETTINGS frame, and peers count those.
const MIN_CROWDS_APART_MS = 2000;

/**
 * What the peer may send (RFC 9113 section 5.2), given back as it is consumed, and more of it while a reader keeps up
 * with a fast peer. As in gRPC a PING measures the way: what arrives between it and its answer is what bandwidth and
 * delay keep in flight. Bytes are given back when half a window was consumed, so a peer that is held back by nothing
 * but its window has about half of it under way; a third or more is taken for that, and the window doubles.
 *
 * A measurement begins only where half a stream's window was used, so that small calls never pay for one.
 *
 * A stream's window is the initial window plus its own offset: a change of the initial window touches no stream.
 *
 * Streams that nobody reads hold what they received, and could take the whole window of the connection from those that
 * are read. When they have three quarters of it the connection is crowded:
 *
 * ```
 *   usual -- 3/4 held --> asking -- acknowledged --> crowded -- less than 1/4 held, at most every 2 s --> usual
 * ```
 *
 * We ask for a small initial window, which makes the windows of streams that hold more than that negative (section
 * 6.9.2). Once the peer knows, those can't send, and the connection's window no longer bounds what is held: it is given
 * back as bytes come. Streams that are read have their bytes back soon, and some window more, of a common stock.
 */
export class ReceiveWindows {
  readonly #owner: ReceiveWindowsOwner;
  readonly #clock: Clock;
  readonly #maxStreamBytes: number;
  readonly #maxConnectionBytes: number;
  readonly #maxCrowdedStreamBytes: number;
  /** The initial window of streams, as it usually is. */
  #streamBytes: number;
  /** What was announced of it and not acknowledged yet, oldest first. */
  readonly #announcedBytes: number[];
  /** The largest initial window that the peer may go by. */
  #enforcedStreamBytes: number;
  /** Size of the connection's window. */
  #connectionBytes: number;
  /** What is left of it. */
  #availableBytes: number;
  /** Consumed, but not given back yet. */
  #unreturnedBytes = 0;
  /** Bytes since the PING of a measurement; negative when none is under way. */
  #measuredBytes = -1;
  #state: "usual" | "asking" | "crowded" = "usual";
  #lastCrowdMs = Number.NEGATIVE_INFINITY;
  /** Received on streams and not consumed. */
  #heldBytes = 0;
  /** The part of it that was given back to the connection all the same. */
  #lentBytes = 0;
  /** What streams have beyond the initial window. */
  #extraBytes = 0;
  /** What may still come on streams that have no window: it was on its way when the peer acknowledged. */
  #lateBytes = 0;

  constructor(limits: Http2Limits, clock: Clock, owner: ReceiveWindowsOwner) {
    this.#owner = owner;
    this.#clock = clock;
    this.#maxStreamBytes = Math.min(limits.maxStreamWindowBytes, MAX_WINDOW_BYTES);
    this.#maxConnectionBytes = Math.min(limits.maxConnectionWindowBytes, MAX_WINDOW_BYTES);
    this.#maxCrowdedStreamBytes = limits.crowdedStreamWindowBytes;
    this.#streamBytes = Math.min(limits.initialStreamWindowBytes, MAX_WINDOW_BYTES);
    this.#announcedBytes = [this.#streamBytes];
    // Until the peer knows our SETTINGS it goes by the default (RFC 9113 section 6.9.3).
    this.#enforcedStreamBytes = Math.max(this.#streamBytes, DEFAULT_WINDOW_BYTES);
    this.#connectionBytes = Math.min(Math.max(limits.connectionWindowBytes, DEFAULT_WINDOW_BYTES), MAX_WINDOW_BYTES);
    this.#availableBytes = this.#connectionBytes;
  }

  /** SETTINGS_INITIAL_WINDOW_SIZE of our first SETTINGS. */
  get firstStreamBytes(): number {
    return this.#streamBytes;
  }

  /** What the connection's window is larger than the one that every connection begins with. */
  get firstGrant(): number {
    return this.#connectionBytes - DEFAULT_WINDOW_BYTES;
  }

  /** The peer knows the oldest SETTINGS that it had not acknowledged. */
  acknowledged(): void {
    const knownBytes = this.#announcedBytes.shift();
    if (knownBytes === undefined) return;
    this.#enforcedStreamBytes = Math.max(knownBytes, ...this.#announcedBytes);
    if (this.#state === "asking" && this.#announcedBytes.length === 0) this.#crowd();
  }

  /** Flow-controlled bytes arrived on the connection: false when its window does not allow them. */
  receive(byteCount: number): boolean {
    this.#availableBytes -= byteCount;
    if (this.#measuredBytes >= 0) this.#measuredBytes += byteCount;
    if (this.#availableBytes < 0) return false;
    if (this.#isShort) this.giveBack(0);
    return true;
  }

  /** They belong to this stream: false when its window does not allow them. */
  receiveOn(stream: StreamState, byteCount: number): boolean {
    stream.receiveOffsetBytes -= byteCount;
    stream.unconsumedBytes += byteCount;
    this.#heldBytes += byteCount;
    const excessBytes = -(this.#enforcedStreamBytes + stream.receiveOffsetBytes);
    if (excessBytes > 0 && byteCount > 0) {
      this.#lateBytes -= Math.min(excessBytes, byteCount);
      if (this.#lateBytes < 0) return false;
    }
    if (this.#state === "crowded") {
      this.#lentBytes += byteCount;
      this.giveBack(byteCount);
    } else if (this.#state === "usual" && 4 * (this.#heldBytes - this.#lentBytes) > 3 * this.#connectionBytes) {
      this.#state = "asking";
      this.#announce(this.#crowdedStreamBytes);
    }
    return true;
  }

  /** The user of a stream consumed bytes. What a closed stream held was given back when it closed: nothing twice. */
  consume(stream: StreamState, byteCount: number): void {
    const returnedBytes = Math.min(byteCount, stream.unconsumedBytes);
    if (stream.isClosed || returnedBytes <= 0) return;
    stream.unconsumedBytes -= returnedBytes;
    this.#release(returnedBytes);
    if (stream.didRemoteEnd) return;
    stream.unreturnedBytes += returnedBytes;
    const isCrowded = this.#state === "crowded";
    const windowBytes = isCrowded ? this.#crowdedStreamBytes + stream.extraWindowBytes : this.#streamBytes;
    if (stream.unreturnedBytes * 2 < windowBytes) return;
    // Asked before the peer has the window: a peer that waited for a slow reader has nothing under way.
    if (this.#state === "usual") this.#measure();
    this.#returnToStream(stream);
  }

  /** Gives bytes back that no user of a stream will consume. */
  giveBack(byteCount: number): void {
    this.#unreturnedBytes += byteCount;
    if (this.#unreturnedBytes * 2 < this.#connectionBytes && !this.#isShort) return;
    this.#returnToConnection(this.#unreturnedBytes);
    this.#unreturnedBytes = 0;
  }

  /** A stream closed: what its user never consumed is free again. */
  close(stream: StreamState): void {
    this.#extraBytes -= stream.extraWindowBytes;
    stream.extraWindowBytes = 0;
    if (stream.unconsumedBytes > 0) this.#release(stream.unconsumedBytes);
    stream.unconsumedBytes = 0;
  }

  /** What streams hold leaves the peer less than half a window: it must not wait for that. */
  get #isShort(): boolean {
    return 4 * this.#availableBytes < this.#connectionBytes;
  }

  get #crowdedStreamBytes(): number {
    return Math.min(this.#maxCrowdedStreamBytes, this.#streamBytes);
  }

  #announce(streamBytes: number): void {
    this.#announcedBytes.push(streamBytes);
    // The peer may use it from the moment that it reads of it, which is later than this.
    this.#enforcedStreamBytes = Math.max(this.#enforcedStreamBytes, streamBytes);
    this.#owner.sendInitialWindow(streamBytes);
  }

  /** The peer knows of the small windows. */
  #crowd(): void {
    this.#state = "crowded";
    // Some peers decide what they send before they read SETTINGS, and send it after they acknowledged.
    this.#lateBytes = this.#availableBytes;
    const lentBytes = this.#heldBytes - this.#lentBytes;
    this.#lentBytes += lentBytes;
    this.#returnToConnection(lentBytes + this.#unreturnedBytes);
    this.#unreturnedBytes = 0;
    // Half a usual window is more than a small one: a stream that was read must not wait for it.
    for (const stream of this.#owner.streams().values()) {
      if (stream.unreturnedBytes > 0 && !stream.didRemoteEnd) this.#returnToStream(stream);
    }
  }

  /** Held bytes are held no more. */
  #release(byteCount: number): void {
    this.#heldBytes -= byteCount;
    const lentBytes = Math.min(byteCount, this.#lentBytes);
    this.#lentBytes -= lentBytes;
    if (byteCount > lentBytes) this.giveBack(byteCount - lentBytes);
    if (this.#state !== "crowded" || 4 * this.#heldBytes >= this.#connectionBytes) return;
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#lastCrowdMs + MIN_CROWDS_APART_MS) return;
    this.#lastCrowdMs = nowMs;
    this.#state = "usual";
    this.#lateBytes = 0;
    this.#announce(this.#streamBytes);
  }

  #returnToStream(stream: StreamState): void {
    let byteCount = stream.unreturnedBytes;
    stream.unreturnedBytes = 0;
    const extraBytes = this.#extraFor(stream, byteCount);
    stream.extraWindowBytes += extraBytes;
    this.#extraBytes += extraBytes;
    byteCount += extraBytes;
    if (byteCount <= 0) return;
    stream.receiveOffsetBytes += byteCount;
    this.#owner.sendWindowUpdate(stream.id, byteCount);
  }

  /** What a stream gets beside the bytes that it has back; negative what it keeps back of them. */
  #extraFor(stream: StreamState, byteCount: number): number {
    if (this.#state !== "crowded") return -Math.min(stream.extraWindowBytes, byteCount);
    if (stream.unconsumedBytes > 0) return 0;
    // Half of what others leave, so that there is always some for the next.
    const stockBytes = Math.floor(this.#connectionBytes / 2) - this.#extraBytes + stream.extraWindowBytes;
    const mostBytes = Math.min(stockBytes >>> 1, this.#maxStreamBytes - this.#crowdedStreamBytes);
    const moreBytes = mostBytes - stream.extraWindowBytes;
    return moreBytes >= this.#crowdedStreamBytes ? moreBytes : 0;
  }

  #returnToConnection(byteCount: number): void {
    if (byteCount === 0) return;
    this.#availableBytes += byteCount;
    this.#owner.sendWindowUpdate(0, byteCount);
  }

  #measure(): void {
    if (this.#measuredBytes >= 0) return;
    if (this.#streamBytes >= this.#maxStreamBytes && this.#connectionBytes >= this.#maxConnectionBytes) return;
    this.#measuredBytes = 0;
    this.#owner.sendPing(() => this.#measured());
  }

  #measured(): void {
    const inFlightBytes = this.#measuredBytes;
    this.#measuredBytes = -1;
    if (this.#state !== "usual") return;
    if (3 * inFlightBytes >= this.#streamBytes && this.#streamBytes < this.#maxStreamBytes) {
      this.#streamBytes = Math.min(2 * this.#streamBytes, this.#maxStreamBytes);
      this.#announce(this.#streamBytes);
    }
    if (3 * inFlightBytes >= this.#connectionBytes && this.#connectionBytes < this.#maxConnectionBytes) {
      const grownBytes = Math.min(2 * this.#connectionBytes, this.#maxConnectionBytes);
      this.#returnToConnection(grownBytes - this.#connectionBytes);
      this.#connectionBytes = grownBytes;
    }
  }
}
