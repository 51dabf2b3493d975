import { DEFAULT_WINDOW_BYTES, MAX_WINDOW_BYTES } from "./frame.js";
import type { Http2Limits } from "./limits.js";
import type { StreamState } from "./stream.js";

/** What {@link ReceiveWindows} has said to the peer. */
export interface ReceiveWindowsOwner {
  /** WINDOW_UPDATE; stream 0 is the connection. */
  sendWindowUpdate(streamId: number, byteCount: number): void;
  /** SETTINGS_INITIAL_WINDOW_SIZE. */
  sendInitialWindow(byteCount: number): void;
  /** PING; `onAck` is called when the peer has answered. */
  sendPing(onAck: () => void): void;
}

/**
 * What the peer may send (RFC 9113 section 5.2), given back as it is consumed, and more of it while a reader keeps up
 * with a fast peer. As in gRPC a PING measures the way: what arrives between it and its answer is what bandwidth and
 * delay keep in flight. Bytes are given back when half a window was consumed, so a peer that is held back by nothing
 * but its window has about half of it under way; a third or more is taken for that, and the window doubles.
 *
 * A measurement begins only where half a stream's window was used, so that small calls never pay for one.
 *
 * A stream's window is the initial window plus its own offset: a change of the initial window touches no stream.
 */
export class ReceiveWindows {
  readonly #owner: ReceiveWindowsOwner;
  readonly #maxStreamBytes: number;
  readonly #maxConnectionBytes: number;
  /** SETTINGS_INITIAL_WINDOW_SIZE as we announced it last. */
  #streamBytes: number;
  /** What a stream may have received before the peer knows our SETTINGS (RFC 9113 section 6.9.3), and then the same. */
  #enforcedStreamBytes: number;
  /** Size of the connection's window. */
  #connectionBytes: number;
  /** What is left of it. */
  #availableBytes: number;
  /** Consumed, but not given back yet. */
  #unreturnedBytes = 0;
  /** Bytes since the PING of a measurement; negative when none is under way. */
  #measuredBytes = -1;

  constructor(limits: Http2Limits, owner: ReceiveWindowsOwner) {
    this.#owner = owner;
    this.#maxStreamBytes = Math.min(limits.maxStreamWindowBytes, MAX_WINDOW_BYTES);
    this.#maxConnectionBytes = Math.min(limits.maxConnectionWindowBytes, MAX_WINDOW_BYTES);
    this.#streamBytes = Math.min(limits.initialStreamWindowBytes, MAX_WINDOW_BYTES);
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

  /** The peer knows our SETTINGS. */
  acknowledged(): void {
    this.#enforcedStreamBytes = this.#streamBytes;
  }

  /** Flow-controlled bytes arrived on the connection: false when its window does not allow them. */
  receive(byteCount: number): boolean {
    this.#availableBytes -= byteCount;
    if (this.#measuredBytes >= 0) this.#measuredBytes += byteCount;
    return this.#availableBytes >= 0;
  }

  /** They belong to this stream: false when its window does not allow them. */
  receiveOn(stream: StreamState, byteCount: number): boolean {
    stream.receiveOffsetBytes -= byteCount;
    stream.unconsumedBytes += byteCount;
    return this.#enforcedStreamBytes + stream.receiveOffsetBytes >= 0;
  }

  /** The user of a stream consumed bytes. What a closed stream held was given back when it closed: nothing twice. */
  consume(stream: StreamState, byteCount: number): void {
    const returnedBytes = Math.min(byteCount, stream.unconsumedBytes);
    if (stream.isClosed || returnedBytes <= 0) return;
    stream.unconsumedBytes -= returnedBytes;
    this.giveBack(returnedBytes);
    if (stream.didRemoteEnd) return;
    stream.unreturnedBytes += returnedBytes;
    if (stream.unreturnedBytes * 2 < this.#streamBytes) return;
    // Asked before the peer has the window: a peer that waited for a slow reader has nothing under way.
    this.#measure();
    stream.receiveOffsetBytes += stream.unreturnedBytes;
    this.#owner.sendWindowUpdate(stream.id, stream.unreturnedBytes);
    stream.unreturnedBytes = 0;
  }

  /** Gives bytes back that no user of a stream will consume. */
  giveBack(byteCount: number): void {
    this.#unreturnedBytes += byteCount;
    if (this.#unreturnedBytes * 2 < this.#connectionBytes) return;
    this.#returnToConnection(this.#unreturnedBytes);
    this.#unreturnedBytes = 0;
  }

  /** A stream closed: what its user never consumed is free again. */
  close(stream: StreamState): void {
    if (stream.unconsumedBytes > 0) this.giveBack(stream.unconsumedBytes);
    stream.unconsumedBytes = 0;
  }

  #returnToConnection(byteCount: number): void {
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
    if (3 * inFlightBytes >= this.#streamBytes && this.#streamBytes < this.#maxStreamBytes) {
      this.#streamBytes = Math.min(2 * this.#streamBytes, this.#maxStreamBytes);
      // The peer may use it from the moment that it reads of it, which is later than this.
      this.#enforcedStreamBytes = Math.max(this.#enforcedStreamBytes, this.#streamBytes);
      this.#owner.sendInitialWindow(this.#streamBytes);
    }
    if (3 * inFlightBytes >= this.#connectionBytes && this.#connectionBytes < this.#maxConnectionBytes) {
      const grownBytes = Math.min(2 * this.#connectionBytes, this.#maxConnectionBytes);
      this.#returnToConnection(grownBytes - this.#connectionBytes);
      this.#connectionBytes = grownBytes;
    }
  }
}
