import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const MIB = 1024 * 1024;
// V8 lets a small heap grow by 8 MiB before it collects all of it.
const MAX_YOUNG_BYTES = 6 * MIB;
// With more than that alive, V8 collects the young generation first by itself.
const SMALL_HEAP_BYTES = 48 * MIB;
// The largest block that glibc's thresholds follow.
const LARGEST_BLOCK_BYTES = 32 * MIB - 64 * 1024;

/** What {@link LargeBuffers} asks of the engine. */
export interface BufferHeap {
  /** Bytes of objects, dead ones among them; those of buffers do not count. */
  usedBytes(): number;
  /** Collects the young generation. */
  collectYoung(): void;
  /** Sees to it that the memory of buffers stays with the process when they are gone. */
  keepMemory(): void;
}

/**
 * Makes large buffers that die young as cheap as they can be.
 *
 * V8 counts their memory to the old generation: in a process with little else alive, some 8 MiB of them begin a collection
 * of the whole heap, which takes 5 to 12 ms, while the young generation, where all of them are, is far from full; to
 * collect that takes 0.3 ms. So a process with a small heap is made to do it after every 6 MiB.
 *
 * What is free then, the allocator gives back to the system, which hands it out again page by page: 1,024 page faults for
 * a message of 4 MiB, which take as long as all else about it. It does so above a bound that it learns.
 */
export class LargeBuffers {
  readonly #heap: BufferHeap;
  #bytes = 0;
  #didKeepMemory = false;

  constructor(heap: BufferHeap) {
    this.#heap = heap;
  }

  /** A buffer of `byteCount` bytes, not zeroed, which will probably not live long. */
  make(byteCount: number): Buffer {
    this.made(byteCount);
    return Buffer.allocUnsafeSlow(byteCount);
  }

  /** A copy of `bytes` that will probably not live long. Not a Buffer, whatever they are. */
  copy(bytes: Uint8Array): Uint8Array {
    this.made(bytes.length);
    return new Uint8Array(bytes);
  }

  /** Somebody else makes a buffer of `byteCount` bytes, about now. */
  made(byteCount: number): void {
    this.#bytes += byteCount;
    if (this.#bytes <= MAX_YOUNG_BYTES) return;
    // Before it is made: it will be the first one of the next 6 MiB.
    this.#bytes = byteCount;
    if (!this.#didKeepMemory) this.#heap.keepMemory();
    this.#didKeepMemory = true;
    if (this.#heap.usedBytes() <= SMALL_HEAP_BYTES) this.#heap.collectYoung();
  }
}

type Collector = (options: { readonly type: "minor" }) => void;

/** V8's own collector, which JavaScript sees only in a context that was made while a flag is set. */
function findCollector(): Collector {
  if (typeof globalThis.gc === "function") return globalThis.gc as Collector;
  try {
    setFlagsFromString("--expose-gc");
    return runInNewContext("gc") as Collector;
  } catch {
    // A process that forbids this has dearer buffers, and nothing else.
    return () => {};
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}

/** The heap of this process. */
export class V8Heap implements BufferHeap {
  #collector: Collector | undefined;

  usedBytes(): number {
    return getHeapStatistics().used_heap_size;
  }

  collectYoung(): void {
    this.#collector ??= findCollector();
    this.#collector({ type: "minor" });
  }

  /**
   * glibc keeps up to twice the largest block that was ever freed (mallopt(3), M_MMAP_THRESHOLD), 64 MiB at most. One that
   * nobody writes to takes no memory.
   */
  keepMemory(): void {
    if (process.platform === "linux") Buffer.allocUnsafeSlow(LARGEST_BLOCK_BYTES);
  }
}

/** Those of this process. */
export const largeBuffers: LargeBuffers = new LargeBuffers(new V8Heap());
