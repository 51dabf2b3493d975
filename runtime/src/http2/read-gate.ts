import type { Clock } from "../base/clock.js";
import { FrameReader, type FrameSink } from "./frame-reader.js";
import type { Http2Limits } from "./limits.js";
import type { OutputBuffer } from "./output-buffer.js";

/** Told by a {@link ReadGate} what happens. */
export interface ReadGateOwner {
  readonly role: "client" | "server";
  /** A read is done, and the connection still open. */
  onRead(): void;
  /** Reading goes on after it was held back: bytes may come again. */
  onReadable(): void;
}

/**
 * Reads a connection's bytes, and holds them back when the peer takes more than its turn (A1), does not take our
 * replies (A12), or does not take our answers (A19). What it sends meanwhile stays in its socket.
 */
export class ReadGate {
  /** Nothing is read: the transport should keep what comes. */
  isHeld = false;
  /** Counts the reads. A stream remembers in which it was opened. */
  turn = 0;
  readonly #reader: FrameReader;
  readonly #output: OutputBuffer;
  readonly #limits: Http2Limits;
  readonly #clock: Clock;
  readonly #owner: ReadGateOwner;
  #isStopped = false;
  #streamsInTurn = 0;
  #isYielding = false;
  #pendingReplies = 0;

  constructor(sink: FrameSink, output: OutputBuffer, limits: Http2Limits, clock: Clock, owner: ReadGateOwner) {
    this.#reader = new FrameReader(sink, limits.maxFrameBytes);
    this.#output = output;
    this.#limits = limits;
    this.#clock = clock;
    this.#owner = owner;
  }

  /** A frame has begun that is none of DATA, and its end has not come. */
  get isInControlFrame(): boolean {
    return this.#reader.isInControlFrame;
  }

  /** Replies (acknowledgements and resets) that wait to be taken. */
  get pendingReplies(): number {
    return this.#pendingReplies;
  }

  read(chunk: Buffer): void {
    this.#beginTurn();
    this.#reader.read(chunk);
    this.#endTurn();
  }

  /** The peer opened a stream. After so many of them others get their turn. */
  streamOpened(): void {
    this.#streamsInTurn += 1;
    if (this.#streamsInTurn < this.#limits.maxStreamsPerTurn || this.#isYielding) return;
    this.#isYielding = true;
    this.#hold();
    this.#clock.yield(() => {
      this.#isYielding = false;
      this.#resume();
    });
  }

  /** The peer made us write a frame. */
  replied(): void {
    this.#pendingReplies += 1;
    if (this.#pendingReplies >= this.#limits.pauseAtReplies) this.#hold();
  }

  /** The transport took the output. */
  outputTaken(): void {
    this.#pendingReplies = 0;
    if (this.isHeld) this.#resume();
  }

  /** Nothing is read any more. */
  stop(): void {
    this.#isStopped = true;
    this.#reader.stop();
  }

  #beginTurn(): void {
    this.turn += 1;
    this.#streamsInTurn = 0;
  }

  #endTurn(): void {
    if (this.#isStopped) return;
    this.#owner.onRead();
    if (this.#isOutputHigh) this.#hold();
  }

  #hold(): void {
    this.isHeld = true;
    this.#reader.hold();
  }

  #resume(): void {
    if (this.#isStopped || this.#isYielding || this.#isOutputHigh) return;
    if (this.#pendingReplies >= this.#limits.pauseAtReplies) return;
    this.isHeld = false;
    this.#beginTurn();
    this.#reader.resume();
    this.#endTurn();
    if (!this.isHeld && !this.#isStopped) this.#owner.onReadable();
  }

  /**
   * What a peer makes a server say. DATA has bounds of its own, and what a client says is its user's choice: neither
   * stops reading, or two ends that both send much would each wait for the other to read.
   */
  get #isOutputHigh(): boolean {
    const { byteCount, dataByteCount } = this.#output;
    return this.#owner.role === "server" && byteCount - dataByteCount >= this.#limits.outputHighBytes;
  }
}
