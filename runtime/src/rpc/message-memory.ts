import type { Memory, MemoryOwner } from "../http2/types.js";

/** Gives an encoder the memory for a message. */
export interface MessageMemory {
  /** At least `byteCount` bytes. */
  take(byteCount: number): Buffer;
}

const SCRATCH_BYTES = 128 * 1024;
const ROUNDED_TO_BYTES = 64 * 1024;
const MAX_KEPT_BUFFERS = 4;
const MAX_KEPT_BYTES = 16 * 1024 * 1024;

const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

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
      return Buffer.allocUnsafeSlow(Math.ceil(byteCount / ROUNDED_TO_BYTES) * ROUNDED_TO_BYTES);
    }
    this.#freeBytes -= found.byteLength;
    return found;
  }

  give(buffer: Buffer): void {
    if (this.#free.length >= MAX_KEPT_BUFFERS || this.#freeBytes + buffer.byteLength > MAX_KEPT_BYTES) return;
    this.#free.push(buffer);
    this.#freeBytes += buffer.byteLength;
  }
}

const pool = new BufferPool();

class PooledMemory implements MemoryOwner {
  #buffer: Buffer | undefined;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
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

  constructor(lends: boolean) {
    this.#lends = lends;
  }

  take(byteCount: number): Buffer {
    if (byteCount <= SCRATCH_BYTES) return this.#lends ? scratch : Buffer.allocUnsafe(byteCount);
    this.#taken = pool.take(byteCount);
    return this.#taken;
  }

  memoryOf(bytes: Uint8Array): Memory {
    const taken = this.#taken;
    this.#taken = undefined;
    if (bytes.buffer === scratch.buffer) return "lent";
    return taken !== undefined && bytes.buffer === taken.buffer ? new PooledMemory(taken) : "kept";
  }
}

/** For messages that are sent before anything else is encoded. */
export const untilSent: RememberedMemory = new RememberedMemory(true);

/** For messages that their sender keeps until it says that they may go. */
export const untilOver: RememberedMemory = new RememberedMemory(false);
