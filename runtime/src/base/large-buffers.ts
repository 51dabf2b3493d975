import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Clock, systemClock, type Timer } from "./clock.js";

const MIB = 1024 * 1024;
// V8 lets a small heap grow by 8 MiB before it collects all of it.
const MAX_YOUNG_BYTES = 6 * MIB;
// With more than that alive, V8 collects the young generation first by itself.
const SMALL_HEAP_BYTES = 48 * MIB;
// After so long without large buffers their process is like any other.
const QUIET_MS = 1_000;
// The largest block that glibc's thresholds follow.
const LARGEST_BLOCK_BYTES = 32 * MIB - 64 * 1024;

/** What {@link LargeBuffers} asks of the engine. */
export interface BufferHeap {
  /** Bytes of objects, dead ones among them; those of buffers do not count. */
  usedBytes(): number;
  /** Collects the young generation. */
  collectYoung(): void;
  /** Lets the heap double, buffers counted, before all of it is collected; false leaves that to the engine again. */
  letDouble(may: boolean): void;
  /** Sees to it that the memory of buffers stays with the process when they are gone. */
  keepMemory(): void;
}

/**
 * Makes large buffers that die young as cheap as they can be.
 *
 * V8 counts their memory to the old generation: in a process with little else alive, some 8 MiB of them begin a collection
 * of the whole heap, which takes 5 to 12 ms, while the young generation, where all of them are, is far from full; to
 * collect that takes 0.3 ms. So a process with a small heap is made to do it after every 6 MiB. What is in use then lives
 * on, so that 8 MiB are reached all the same, later: while that goes on the heap may double first.
 *
 * What is free then, the allocator gives back to the system, which hands it out again page by page: 1,024 page faults for
 * a message of 4 MiB, which take as long as all else about it. It does so above a bound that it learns.
 */
export class LargeBuffers {
  readonly #heap: BufferHeap;
  readonly #clock: Clock;
  #bytes = 0;
  #didKeepMemory = false;
  #mayDouble = false;
  #lastMs = 0;
  #quietCheck: Timer | undefined;

  constructor(heap: BufferHeap, clock: Clock) {
    this.#heap = heap;
    this.#clock = clock;
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
    const isSmall = this.#heap.usedBytes() <= SMALL_HEAP_BYTES;
    this.#letDouble(isSmall);
    if (isSmall) this.#heap.collectYoung();
  }

  #letDouble(may: boolean): void {
    this.#lastMs = this.#clock.nowMs();
    if (may === this.#mayDouble) return;
    this.#mayDouble = may;
    this.#heap.letDouble(may);
    this.#quietCheck?.cancel();
    if (may) this.#checkQuiet(QUIET_MS);
  }

  #checkQuiet(delayMs: number): void {
    this.#quietCheck = this.#clock.setTimer(delayMs, () => {
      const leftMs = this.#lastMs + QUIET_MS - this.#clock.nowMs();
      if (leftMs > 0) this.#checkQuiet(leftMs);
      else this.#letDouble(false);
    });
  }
}

// With that of Node 24, V8 13, it does not come to such collections, and large messages are a sixth slower in a larger heap.
const LAST_DOUBLING_V8 = 12;

/** V8's flag for how far a heap may grow, in percent, until all of it is collected. 0: V8 decides. */
export const GROWTH_FLAG = "--heap-growing-percent";

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

/** Whether this process was started with `flag` of V8, which spells words with either sign. */
function wasStartedWith(flag: string): boolean {
  const { execArgv, env } = process;
  return `${execArgv.join(" ")} ${env["NODE_OPTIONS"] ?? ""}`.replaceAll("_", "-").includes(flag);
}

/** The heap of this process. */
export class V8Heap implements BufferHeap {
  #collector: Collector | undefined;
  readonly #isGrowthOurs: boolean;
  readonly #setFlag: (flag: string) => void;

  constructor(v8Version: string = process.versions.v8, setFlag: (flag: string) => void = setFlagsFromString) {
    this.#isGrowthOurs = Number.parseInt(v8Version, 10) <= LAST_DOUBLING_V8 && !wasStartedWith(GROWTH_FLAG);
    this.#setFlag = setFlag;
  }

  usedBytes(): number {
    return getHeapStatistics().used_heap_size;
  }

  collectYoung(): void {
    this.#collector ??= findCollector();
    this.#collector({ type: "minor" });
  }

  letDouble(may: boolean): void {
    // Read when a collection of the whole heap ends.
    if (this.#isGrowthOurs) this.#setFlag(`${GROWTH_FLAG}=${may ? 100 : 0}`);
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
export const largeBuffers: LargeBuffers = new LargeBuffers(new V8Heap(), systemClock);
