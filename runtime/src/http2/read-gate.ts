import type { Clock, Timer } from "../base/clock.js";
import { FrameType } from "./frame.js";
import { FrameReader, type FrameSink } from "./frame-reader.js";
import type { Http2Limits } from "./limits.js";
import type { OutputBuffer } from "./output-buffer.js";
import type { PeerBudgets } from "./peer-budgets.js";

// After so much reading others get their turn. What the bytes set off comes on top of it.
const MAX_TURN_MS = 1;
// DATA may hold thousands of messages in one read: so many bytes of it are the least between two looks at the time.
const CHECK_BYTES = 8192;
// Small frames may come ahead of their time by as much as this is worth.
const PACED_MS = 20;

/** Told by a {@link ReadGate} what happens. */
export interface ReadGateOwner {
  readonly role: "client" | "server";
  /** A read is done, and the connection still open. */
  onRead(): void;
  /** Reading goes on after it was held back: bytes may come again. */
  onReadable(): void;
}

/**
 * Reads a connection's bytes, and holds them back when the peer takes more than its turn (A1, A14), does not take our
 * replies (A12), or does not take our answers (A19). What it sends meanwhile stays in its socket.
 */
export class ReadGate implements FrameSink {
  /** Nothing is read: the transport should keep what comes. */
  isHeld = false;
  /** Counts the reads. A stream remembers in which it was opened. */
  turn = 0;
  readonly #sink: FrameSink;
  readonly #reader: FrameReader;
  readonly #output: OutputBuffer;
  readonly #limits: Http2Limits;
  readonly #clock: Clock;
  readonly #owner: ReadGateOwner;
  #isStopped = false;
  #streamsInTurn = 0;
  #isYielding = false;
  #pendingReplies = 0;
  #spentMs = 0;
  #readSinceMs = 0;
  #uncheckedDataBytes = 0;
  /** Tiny frames that were read, less those that a peer may send by now. */
  #tinyFramesAhead = 0;
  #tinyFramesInTurn = 0;
  #tinyFramesMs = 0;
  #pause: Timer | undefined;

  constructor(
    sink: FrameSink,
    output: OutputBuffer,
    budgets: PeerBudgets,
    limits: Http2Limits,
    clock: Clock,
    owner: ReadGateOwner,
  ) {
    this.#sink = sink;
    this.#reader = new FrameReader(this, limits.maxFrameBytes);
    this.#output = output;
    budgets.onTinyFrame = () => this.#onTinyFrame();
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
    this.#readSinceMs = this.#clock.nowMs();
    this.#beginTurn();
    this.#reader.read(chunk);
    this.#endTurn();
    // A socket that is full is read many times in a row.
    this.#countTime();
  }

  /** The peer opened a stream. After so many of them others get their turn. */
  streamOpened(): void {
    this.#streamsInTurn += 1;
    if (this.#streamsInTurn >= this.#limits.maxStreamsPerTurn) this.#yield();
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
    this.#pause?.cancel();
    this.#reader.stop();
  }

  // ---- FrameSink

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.#sink.onFrame(type, flags, streamId, bytes, start, end);
    if (type === FrameType.DATA) this.#countData(end - start);
  }

  onDataBegin(flags: number, streamId: number, length: number): void {
    this.#sink.onDataBegin(flags, streamId, length);
  }

  onDataPart(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    this.#sink.onDataPart(bytes, start, end, isLast);
    this.#countData(end - start);
  }

  onOversizedFrame(length: number): void {
    this.#sink.onOversizedFrame(length);
  }

  // ---- turns

  #countData(byteCount: number): void {
    this.#uncheckedDataBytes += byteCount;
    if (this.#uncheckedDataBytes < CHECK_BYTES) return;
    this.#uncheckedDataBytes = 0;
    this.#countTime();
  }

  #countTime(): void {
    const nowMs = this.#clock.nowMs();
    this.#spentMs += nowMs - this.#readSinceMs;
    this.#readSinceMs = nowMs;
    if (this.#spentMs >= MAX_TURN_MS) this.#yield();
  }

  /** Lets other connections have their turn. */
  #yield(): void {
    this.#spentMs = 0;
    if (this.#isYielding || this.#isStopped) return;
    this.#isYielding = true;
    this.#hold();
    this.#clock.yield(() => {
      this.#isYielding = false;
      this.#resume();
    });
  }

  /** The peer sent a small DATA frame. After so many of them others get their turn. */
  #onTinyFrame(): void {
    this.#tinyFramesInTurn += 1;
    const count = this.#tinyFramesInTurn;
    if (count < this.#limits.maxTinyFramesPerTurn) return;
    this.#tinyFramesInTurn = 0;
    this.#pace(count);
    this.#yield();
  }

  /** Reads small frames no faster than they may come (A14): the rest of them stays in the socket for a moment. */
  #pace(count: number): void {
    const perMs = this.#limits.maxTinyFramesPerSecond / 1000;
    if (perMs === Number.POSITIVE_INFINITY) return;
    const nowMs = this.#clock.nowMs();
    const earned = (nowMs - this.#tinyFramesMs) * perMs;
    this.#tinyFramesMs = nowMs;
    this.#tinyFramesAhead = Math.max(0, this.#tinyFramesAhead - earned) + count;
    const most = perMs * PACED_MS;
    if (this.#tinyFramesAhead <= most || this.#pause !== undefined) return;
    this.#hold();
    this.#pause = this.#clock.setTimer((this.#tinyFramesAhead - most / 2) / perMs, () => {
      this.#pause = undefined;
      this.#resume();
    });
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
    if (this.#isStopped || this.#isYielding || this.#pause !== undefined || this.#isOutputHigh) return;
    if (this.#pendingReplies >= this.#limits.pauseAtReplies) return;
    this.isHeld = false;
    this.#readSinceMs = this.#clock.nowMs();
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
