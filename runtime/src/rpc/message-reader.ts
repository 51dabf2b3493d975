import { Code } from "@connectrpc/connect";
import { largeBuffers } from "../base/large-buffers.js";
import { messageLength, PREFIX_BYTES } from "./framing.js";
import type { RpcStatus } from "./status.js";
import { unfilled, WaitingBytes } from "./waiting-bytes.js";

// Up to this size the messages of a stream share buffers: one of its own costs the engine more than a small message.
const SHARED_BYTES = 1024;
const EMPTY = new Uint8Array(0);
const FIRST_SHARED_BUFFER_BYTES = 512;
const LARGEST_SHARED_BUFFER_BYTES = 8192;

/** What of an unfinished message is gathered without asking: its prefix alone costs its sender nothing. */
export const UNASKED_BYTES = 4096;

/** Gets the messages of a {@link MessageReader}, in order. */
export interface MessageSink {
  /** One message. The bytes are the sink's to keep. */
  onMessage(bytes: Uint8Array, compressed: boolean): void;
  /** A message is whole. Once for each, when its last byte comes, which may be before its turn. */
  onArrived?(): void;
  /**
   * Whether memory may be set aside for a message of `byteCount` bytes, of which more than {@link UNASKED_BYTES} have
   * come. Otherwise what comes waits as it is, and this is asked again with every piece and at {@link MessageReader.resume}.
   */
  reserve?(byteCount: number): boolean;
}

/**
 * Cuts a body into messages. Each ends up in a buffer of its exact size, copied once, or, when it is small and not the
 * first of its stream, behind the one before it; an oversized one is refused before anything is allocated for it. A sink
 * that can take no more pauses it; what arrives meanwhile waits as it came.
 */
export class MessageReader {
  readonly #sink: MessageSink;
  readonly #maxMessageBytes: number;
  // The prefix as far as it came, when a chunk ended inside it.
  #prefix: Uint8Array | undefined;
  #prefixLength = 0;
  // Behind a prefix: what that says, and the message as far as it was gathered.
  #isInMessage = false;
  #messageBytes = 0;
  #isCompressed = false;
  #message: Uint8Array | undefined;
  #messageLength = 0;
  // Shared by messages of this stream only, which are taken in order: what one of them keeps alive stays in proportion.
  #shared: Uint8Array | undefined;
  #sharedLength = 0;
  #isPaused = false;
  #isStopped = false;
  #isReading = false;
  readonly #waiting = new WaitingBytes();
  // Messages among them that the sink knows of.
  #arrivedAhead = 0;

  constructor(sink: MessageSink, maxMessageBytes: number) {
    this.#sink = sink;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Whether the body stands in the middle of a message; at the end of a stream that is an error. */
  get isPartial(): boolean {
    return this.#prefixLength > 0 || this.#isInMessage;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether it is at work further up the stack: what the sink changes is seen when it goes on. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /** Bytes that wait for {@link resume}, or for memory. */
  get waitingBytes(): number {
    return this.#waiting.length;
  }

  /** No more messages until {@link resume}. May be called by the sink. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Goes on after {@link pause}, or when there is memory, with what came meanwhile. Returns what {@link read} returns. */
  resume(): RpcStatus | undefined {
    this.#isPaused = false;
    // Called by the sink: the loop that called it goes on by itself.
    return this.#isReading ? undefined : this.#readWaiting();
  }

  /** Nobody wants the rest: nothing more is read or kept. May be called by the sink. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting.clear();
  }

  /** Takes the next bytes. Returns why the call must fail; nothing may be read after that. */
  read(bytes: Uint8Array): RpcStatus | undefined {
    if (this.#isStopped) return undefined;
    if (this.#isPaused || this.#waiting.length > 0) {
      this.#waiting.add(bytes);
      if (!this.#isPaused) return this.#readWaiting();
      this.#countWaiting();
      return undefined;
    }
    const result = this.#parse(bytes, 0, bytes.length);
    if (typeof result !== "number") return result;
    if (result < bytes.length && !this.#isStopped) {
      this.#waiting.add(bytes.subarray(result));
      this.#countWaiting();
    }
    return undefined;
  }

  #readWaiting(): RpcStatus | undefined {
    const waiting = this.#waiting;
    if (waiting.length === 0) return undefined;
    const result = this.#parse(waiting.buffer, waiting.start, waiting.end);
    if (typeof result !== "number") return result;
    if (this.#isStopped) return undefined;
    waiting.readUpTo(result);
    this.#countWaiting();
    return undefined;
  }

  /** Tells of whole messages that wait. Behind an unfinished one there are none. */
  #countWaiting(): void {
    if (this.isPartial) return;
    const count = this.#waiting.countMessages();
    this.#arrivedAhead += count;
    for (let told = 0; told < count && !this.#isStopped; told += 1) this.#sink.onArrived?.();
  }

  #parse(bytes: Uint8Array, start: number, end: number): number | RpcStatus {
    this.#isReading = true;
    const result = this.#parseUpTo(bytes, start, end);
    this.#isReading = false;
    return result;
  }

  /** Reads up to the end, a pause, or a message that there is no memory for: how far, or why the call must fail. */
  #parseUpTo(bytes: Uint8Array, start: number, end: number): number | RpcStatus {
    let offset = start;
    while (offset < end && !this.#isPaused && !this.#isStopped) {
      if (!this.#isInMessage) {
        let prefix = bytes;
        let at = offset;
        if (this.#prefixLength > 0 || end - offset < PREFIX_BYTES) {
          offset = this.#gatherPrefix(bytes, offset, end);
          if (this.#prefixLength < PREFIX_BYTES || this.#prefix === undefined) return offset;
          prefix = this.#prefix;
          at = 0;
          this.#prefixLength = 0;
        } else {
          offset += PREFIX_BYTES;
        }
        const failure = this.#beginMessage(prefix, at);
        if (failure !== undefined) return failure;
      }
      const missing = this.#messageBytes - this.#messageLength;
      if (this.#message === undefined && end - offset >= missing) {
        // A copy, because protobuf messages refer to the bytes that they were decoded from, and these are not ours.
        const message = this.#copy(bytes, offset, offset + missing);
        offset += missing;
        this.#endMessage(message);
      } else if (offset < end) {
        const count = Math.min(missing, end - offset);
        const target = this.#target(count);
        if (target === undefined) return offset;
        target.set(bytes.subarray(offset, offset + count), this.#messageLength);
        this.#messageLength += count;
        offset += count;
        if (count === missing) this.#endMessage(target);
      }
    }
    return offset;
  }

  #beginMessage(prefix: Uint8Array, at: number): RpcStatus | undefined {
    const flag = prefix[at] as number;
    if (flag > 1) {
      return { code: Code.Internal, message: `message prefix: flag byte 0x${flag.toString(16)} must be 0 or 1` };
    }
    const length = messageLength(prefix, at);
    if (length > this.#maxMessageBytes) {
      return {
        code: Code.ResourceExhausted,
        message: `message of ${length} bytes is larger than the limit of ${this.#maxMessageBytes}; raise readMaxBytes to accept it`,
      };
    }
    this.#isInMessage = true;
    this.#isCompressed = flag === 1;
    this.#messageBytes = length;
    this.#messageLength = 0;
    return undefined;
  }

  #endMessage(bytes: Uint8Array): void {
    this.#isInMessage = false;
    this.#message = undefined;
    this.#messageLength = 0;
    if (this.#arrivedAhead > 0) this.#arrivedAhead -= 1;
    else this.#sink.onArrived?.();
    if (!this.#isStopped) this.#sink.onMessage(bytes, this.#isCompressed);
  }

  /** Memory for `count` more bytes of the message; none while the sink has none for an unfinished one. */
  #target(count: number): Uint8Array | undefined {
    const message = this.#message;
    const messageBytes = this.#messageBytes;
    const length = this.#messageLength + count;
    if (message !== undefined && length <= message.length) return message;
    const isSmall = length < messageBytes && length <= UNASKED_BYTES;
    if (length < messageBytes && !isSmall && this.#sink.reserve?.(messageBytes) === false) return undefined;
    const target = unfilled(isSmall ? Math.min(messageBytes, UNASKED_BYTES) : messageBytes);
    if (message !== undefined) target.set(message.subarray(0, this.#messageLength));
    this.#message = target;
    return target;
  }

  #copy(bytes: Uint8Array, from: number, to: number): Uint8Array {
    const byteLength = to - from;
    let shared = this.#shared;
    if (shared === undefined || byteLength > SHARED_BYTES) {
      this.#shared ??= EMPTY;
      return largeBuffers.copy(bytes.subarray(from, to));
    }
    let start = this.#sharedLength;
    if (start + byteLength > shared.length) {
      const wantedBytes = Math.min(Math.max(2 * shared.length, FIRST_SHARED_BUFFER_BYTES), LARGEST_SHARED_BUFFER_BYTES);
      shared = new Uint8Array(Math.max(wantedBytes, byteLength));
      this.#shared = shared;
      start = 0;
    }
    this.#sharedLength = start + byteLength;
    shared.set(bytes.subarray(from, to), start);
    return shared.subarray(start, this.#sharedLength);
  }

  #gatherPrefix(bytes: Uint8Array, offset: number, end: number): number {
    this.#prefix ??= new Uint8Array(PREFIX_BYTES);
    const count = Math.min(PREFIX_BYTES - this.#prefixLength, end - offset);
    this.#prefix.set(bytes.subarray(offset, offset + count), this.#prefixLength);
    this.#prefixLength += count;
    return offset + count;
  }
}
