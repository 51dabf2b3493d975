import { largeBuffers } from "../base/large-buffers.js";
import type { Memory, MemoryOwner } from "../http2/types.js";

/** Gives an encoder the memory for a message. */
export interface MessageMemory {
  /** At least `byteCount` bytes. */
  take(byteCount: number): Buffer;
  /** Copies large `bytes`, of {@link LATE_BYTES} or more, to `at` in what was taken last when they are needed. */
  put(bytes: Uint8Array, at: number): void;
}

const ROUNDED_TO_BYTES = 64 * 1024;
const MAX_KEPT_BYTES = 16 * 1024 * 1024;
/**
 * From this size on bytes are copied piece by piece, as they leave: the peer is at work on the first ones meanwhile, and
 * what was just copied is still in the processor's cache when the system copies it again.
 */
export const LATE_BYTES: number = 64 * 1024;

// What fits here is copied when it is sent; a larger message would take new memory whenever it has to wait.
const scratch = Buffer.allocUnsafeSlow(LATE_BYTES);

/**
 * Memory of large messages that have left. New memory of that size costs more than all else about such a message: the
 * system gives it page by page, and the collector is made to run for it.
 */
class BufferPool {
  readonly #free: Buffer[] = [];
  #freeBytes = 0;

  take(byteCount: number): Buffer {
    const index = this.#free.findIndex(({ byteLength }) => byteLength >= byteCount && byteLength <= 4 * byteCount);
    const [found] = index < 0 ? [] : this.#free.splice(index, 1);
    if (found === undefined) {
      return largeBuffers.make(Math.ceil(byteCount / ROUNDED_TO_BYTES) * ROUNDED_TO_BYTES);
    }
    this.#freeBytes -= found.length;
    return found;
  }

  give(buffer: Buffer): void {
    if (this.#freeBytes + buffer.length > MAX_KEPT_BYTES) return;
    this.#free.push(buffer);
    this.#freeBytes += buffer.length;
  }
}

const pool = new BufferPool();

/** Bytes of a message that are copied to `at` when they are needed there, and how many were. */
interface LateBytes {
  readonly bytes: Uint8Array;
  readonly at: number;
  copied: number;
}

class PooledMemory implements MemoryOwner {
  #buffer: Buffer | undefined;
  readonly #late: LateBytes[] = [];

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  put(bytes: Uint8Array, at: number): void {
    this.#late.push({ bytes, at, copied: 0 });
  }

  fill(byteCount: number): void {
    for (let [late] = this.#late; late !== undefined; [late] = this.#late) {
      const end = Math.min(byteCount - late.at, late.bytes.length);
      if (end <= late.copied) return;
      this.#buffer?.set(late.bytes.subarray(late.copied, end), late.at + late.copied);
      late.copied = end;
      if (end === late.bytes.length) this.#late.shift();
    }
  }

  /** Once, whoever calls it again. */
  onLeft(): void {
    if (this.#buffer !== undefined) pool.give(this.#buffer);
    this.#buffer = undefined;
  }
}

/** What an encoder took last, so that it is known whose memory its message is in. */
class RememberedMemory implements MessageMemory {
  readonly #lends: boolean;
  #taken: Buffer | undefined;
  #pooled: PooledMemory | undefined;

  constructor(lends: boolean) {
    this.#lends = lends;
  }

  take(byteCount: number): Buffer {
    if (byteCount <= scratch.length) {
      this.#taken = this.#lends ? scratch : Buffer.allocUnsafe(byteCount);
    } else {
      this.#taken = pool.take(byteCount);
      this.#pooled = new PooledMemory(this.#taken);
    }
    return this.#taken;
  }

  put(bytes: Uint8Array, at: number): void {
    // What is so large does not fit into the scratch.
    (this.#pooled as PooledMemory).put(bytes, at);
  }

  /** Whose memory a message is in that was encoded just now. */
  memoryTaken(): Memory {
    const pooled = this.#pooled;
    const isLent = this.#lends && this.#taken !== undefined;
    this.forget();
    return pooled ?? (isLent ? "lent" : "kept");
  }

  /** Before a message: of one that could not be encoded something may be left. */
  forget(): void {
    this.#taken = undefined;
    this.#pooled = undefined;
  }
}

/** For messages that are sent before anything else is encoded. */
export const untilSent: RememberedMemory = new RememberedMemory(true);

/** For messages that their sender keeps until it says that they may go. */
export const untilOver: RememberedMemory = new RememberedMemory(false);
