import { largeBuffers } from "../base/large-buffers.js";
import { messageLength, PREFIX_BYTES } from "./framing.js";

const MIN_BUFFER_BYTES = 1024;
const EMPTY = new Uint8Array(0);

/** Bytes of a body that wait for a reader, in one piece: those of `buffer` from `start` to `end`. */
export class WaitingBytes {
  #buffer: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;
  // Where the first message begins that was not counted yet.
  #uncountedAt = 0;

  get buffer(): Uint8Array {
    return this.#buffer;
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** Adds a copy of `bytes`. */
  add(bytes: Uint8Array): void {
    const count = bytes.length;
    if (this.#buffer.length - this.#end < count) this.#makeRoom(count);
    this.#buffer.set(bytes, this.#end);
    this.#end += count;
  }

  /** What is before `start` has been read. */
  readUpTo(start: number): void {
    this.#start = start;
    if (start === this.#end) this.clear();
  }

  clear(): void {
    this.#buffer = EMPTY;
    this.#start = 0;
    this.#end = 0;
    this.#uncountedAt = 0;
  }

  /** How many messages became whole since this was asked last. `start` must be where a message begins. */
  countMessages(): number {
    let count = 0;
    let at = Math.max(this.#uncountedAt, this.#start);
    while (this.#end - at >= PREFIX_BYTES) {
      const next = at + PREFIX_BYTES + messageLength(this.#buffer, at);
      if (next > this.#end) break;
      at = next;
      count += 1;
    }
    this.#uncountedAt = at;
    return count;
  }

  #makeRoom(count: number): void {
    const waiting = this.length;
    // What waits once and is then read needs no more than its size. What grows is moved a few times, not at every
    // piece, and the larger it is, the less of its buffer may be empty.
    const spare = waiting === 0 ? 0 : Math.max(waiting >>> 2, MIN_BUFFER_BYTES);
    const buffer = unfilled(Math.max(waiting + count + spare, MIN_BUFFER_BYTES));
    buffer.set(this.#buffer.subarray(this.#start, this.#end));
    this.#uncountedAt = Math.max(this.#uncountedAt - this.#start, 0);
    this.#start = 0;
    this.#end = waiting;
    this.#buffer = buffer;
  }
}

/** Memory that is handed out only when it was written from its first byte to its last. */
export function unfilled(byteLength: number): Uint8Array {
  const { buffer } = largeBuffers.make(byteLength);
  return new Uint8Array(buffer);
}
