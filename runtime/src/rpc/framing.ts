import { Code } from "@connectrpc/connect";
import type { RpcStatus } from "./status.js";

/** Bytes before each message: one flag byte, then the length, big endian (gRPC over HTTP/2, Length-Prefixed-Message). */
export const PREFIX_BYTES = 5;

const MIN_REST_BYTES = 1024;
// A prefix alone costs its sender nothing, so what is set aside for a large message grows as the message comes.
const FIRST_MESSAGE_BYTES = 16 * 1024;
const MESSAGE_GROWTH = 16;

/** Writes the prefix of a message of `byteLength` bytes to the first five bytes of `target`. */
export function writeMessagePrefix(target: Uint8Array, compressed: boolean, byteLength: number): void {
  target[0] = compressed ? 1 : 0;
  target[1] = byteLength >>> 24;
  target[2] = (byteLength >>> 16) & 0xff;
  target[3] = (byteLength >>> 8) & 0xff;
  target[4] = byteLength & 0xff;
}

// Up to this size the messages of a stream share buffers: one of its own costs the engine more than a small message.
const SHARED_BYTES = 1024;
const EMPTY = new Uint8Array(0);
const FIRST_SHARED_BUFFER_BYTES = 512;
const LARGEST_SHARED_BUFFER_BYTES = 8192;

/** Gets the messages of a {@link MessageReader}, in order. */
export interface MessageSink {
  /** One message. The bytes are the sink's to keep. */
  onMessage(bytes: Uint8Array, compressed: boolean): void;
}

/**
 * Cuts a body into messages. Each ends up in a buffer of its exact size, copied once up to 16 KiB, or, when it is small
 * and not the first of its stream, behind the one before it; an oversized one is refused before anything is allocated for
 * it. A sink that can take no more pauses it; what arrives meanwhile waits as it came.
 */
export class MessageReader {
  readonly #sink: MessageSink;
  readonly #maxMessageBytes: number;
  // The prefix as far as it came, when a chunk ended inside it.
  #prefix: Uint8Array | undefined;
  #prefixLength = 0;
  // The message as far as it came, when a chunk ended inside it.
  #message: Uint8Array | undefined;
  #messageLength = 0;
  // What its prefix says.
  #messageBytes = 0;
  #isCompressed = false;
  // Shared by messages of this stream only, which are taken in order: what one of them keeps alive stays in proportion.
  #shared: Uint8Array | undefined;
  #sharedLength = 0;
  #isPaused = false;
  #isStopped = false;
  // What waits for `resume`: a buffer of our own with room at its end.
  #rest: Uint8Array | undefined;
  #restStart = 0;
  #restEnd = 0;

  constructor(sink: MessageSink, maxMessageBytes: number) {
    this.#sink = sink;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Whether the body stands in the middle of a message; at the end of a stream that is an error. */
  get isPartial(): boolean {
    return this.#prefixLength > 0 || this.#message !== undefined;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Bytes that wait for {@link resume}. */
  get waitingBytes(): number {
    return this.#restEnd - this.#restStart;
  }

  /** No more messages until {@link resume}. May be called by the sink. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Goes on after {@link pause} with what came meanwhile. Returns what {@link read} returns. */
  resume(): RpcStatus | undefined {
    this.#isPaused = false;
    const rest = this.#rest;
    if (rest === undefined) return undefined;
    const bytes = rest.subarray(this.#restStart, this.#restEnd);
    const result = this.#parse(bytes);
    if (typeof result !== "number") return result;
    if (result === bytes.byteLength) this.#dropRest();
    else if (!this.#isStopped) this.#restStart += result;
    return undefined;
  }

  /** Nobody wants the rest: nothing more is read or kept. May be called by the sink. */
  stop(): void {
    this.#isStopped = true;
    this.#dropRest();
  }

  /** Takes the next bytes. Returns why the call must fail; nothing may be read after that. */
  read(bytes: Uint8Array): RpcStatus | undefined {
    if (this.#isStopped) return undefined;
    const result = this.#isPaused ? 0 : this.#parse(bytes);
    if (typeof result !== "number") return result;
    if (result < bytes.byteLength && !this.#isStopped) this.#keep(bytes.subarray(result));
    return undefined;
  }

  /** Reads until the end or a pause: how many bytes that were, or why the call must fail. */
  #parse(bytes: Uint8Array): number | RpcStatus {
    let offset = 0;
    while (offset < bytes.byteLength && !this.#isPaused && !this.#isStopped) {
      if (this.#message !== undefined) {
        offset = this.#gather(this.#message, bytes, offset);
        continue;
      }
      let prefix = bytes;
      let at = offset;
      if (this.#prefixLength > 0 || bytes.byteLength - offset < PREFIX_BYTES) {
        offset = this.#gatherPrefix(bytes, offset);
        if (this.#prefixLength < PREFIX_BYTES || this.#prefix === undefined) return offset;
        prefix = this.#prefix;
        at = 0;
        this.#prefixLength = 0;
      } else {
        offset += PREFIX_BYTES;
      }
      const flag = prefix[at] as number;
      if (flag > 1) {
        return { code: Code.Internal, message: `message prefix: flag byte 0x${flag.toString(16)} must be 0 or 1` };
      }
      const length =
        (prefix[at + 1] as number) * 0x1000000 +
        (((prefix[at + 2] as number) << 16) | ((prefix[at + 3] as number) << 8) | (prefix[at + 4] as number));
      if (length > this.#maxMessageBytes) {
        return {
          code: Code.ResourceExhausted,
          message: `message of ${length} bytes is larger than the limit of ${this.#maxMessageBytes}; raise readMaxBytes to accept it`,
        };
      }
      if (bytes.byteLength - offset >= length) {
        const end = offset + length;
        // A copy, because protobuf messages refer to the bytes that they were decoded from, and the chunk is not ours.
        this.#sink.onMessage(this.#copy(bytes.subarray(offset, end)), flag === 1);
        offset = end;
      } else {
        this.#message = unfilled(Math.min(length, FIRST_MESSAGE_BYTES));
        this.#messageBytes = length;
        this.#messageLength = 0;
        this.#isCompressed = flag === 1;
      }
    }
    return offset;
  }

  #keep(bytes: Uint8Array): void {
    const count = bytes.byteLength;
    if (this.#rest === undefined || this.#rest.byteLength - this.#restEnd < count) {
      // Twice what is needed, so that any number of small pieces is copied a few times only.
      const grown = new Uint8Array(Math.max(MIN_REST_BYTES, 2 * (this.waitingBytes + count)));
      if (this.#rest !== undefined) grown.set(this.#rest.subarray(this.#restStart, this.#restEnd));
      this.#restEnd = this.waitingBytes;
      this.#restStart = 0;
      this.#rest = grown;
    }
    this.#rest.set(bytes, this.#restEnd);
    this.#restEnd += count;
  }

  #dropRest(): void {
    this.#rest = undefined;
    this.#restStart = 0;
    this.#restEnd = 0;
  }

  #copy(bytes: Uint8Array): Uint8Array {
    const { byteLength } = bytes;
    let shared = this.#shared;
    if (shared === undefined || byteLength > SHARED_BYTES) {
      this.#shared ??= EMPTY;
      return new Uint8Array(bytes);
    }
    let start = this.#sharedLength;
    if (start + byteLength > shared.byteLength) {
      const wantedBytes = Math.min(
        Math.max(2 * shared.byteLength, FIRST_SHARED_BUFFER_BYTES),
        LARGEST_SHARED_BUFFER_BYTES,
      );
      shared = new Uint8Array(Math.max(wantedBytes, byteLength));
      this.#shared = shared;
      start = 0;
    }
    this.#sharedLength = start + byteLength;
    shared.set(bytes, start);
    return shared.subarray(start, this.#sharedLength);
  }

  #gatherPrefix(bytes: Uint8Array, offset: number): number {
    this.#prefix ??= new Uint8Array(PREFIX_BYTES);
    const count = Math.min(PREFIX_BYTES - this.#prefixLength, bytes.byteLength - offset);
    this.#prefix.set(bytes.subarray(offset, offset + count), this.#prefixLength);
    this.#prefixLength += count;
    return offset + count;
  }

  #gather(message: Uint8Array, bytes: Uint8Array, offset: number): number {
    const count = Math.min(this.#messageBytes - this.#messageLength, bytes.byteLength - offset);
    let target = message;
    if (this.#messageLength + count > message.byteLength) {
      const enough = Math.max(message.byteLength * MESSAGE_GROWTH, this.#messageLength + count);
      target = unfilled(Math.min(this.#messageBytes, enough));
      target.set(message.subarray(0, this.#messageLength));
      this.#message = target;
    }
    target.set(bytes.subarray(offset, offset + count), this.#messageLength);
    this.#messageLength += count;
    if (this.#messageLength === this.#messageBytes) {
      this.#message = undefined;
      this.#sink.onMessage(target, this.#isCompressed);
    }
    return offset + count;
  }
}

/** Memory that is handed out only when it was written from its first byte to its last. */
function unfilled(byteLength: number): Uint8Array {
  const { buffer } = Buffer.allocUnsafeSlow(byteLength);
  return new Uint8Array(buffer);
}
