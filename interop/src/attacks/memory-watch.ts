import { getHeapStatistics } from "node:v8";

/** What a process held at most while it was watched, above what it held before. Garbage does not count, except in RSS. */
export interface MemoryReport {
  /** Most bytes on the heap and in buffers at any sample, each taken after a full collection. */
  readonly peakBytes: number;
  /** The same at the end. */
  readonly endBytes: number;
  /** Resident set, garbage included. */
  readonly peakRssBytes: number;
}

/** Samples the memory of this process, which must run with --expose-gc. */
export class MemoryWatch {
  #baselineBytes = 0;
  #baselineRssBytes = 0;
  #peakBytes = 0;
  #peakRssBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  start(intervalMs: number): void {
    this.#baselineBytes = heldBytes();
    this.#baselineRssBytes = residentBytes();
    this.#peakBytes = 0;
    this.#peakRssBytes = 0;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#sample(), intervalMs);
  }

  stop(): MemoryReport {
    clearInterval(this.#timer);
    const endBytes = this.#sample();
    return { peakBytes: this.#peakBytes, endBytes, peakRssBytes: this.#peakRssBytes };
  }

  #sample(): number {
    // Before the collection, which may give pages back.
    this.#peakRssBytes = Math.max(this.#peakRssBytes, residentBytes() - this.#baselineRssBytes);
    // A collection takes most of the time between two samples on a small machine: another one only where it matters.
    let bytes = collectedBytes() - this.#baselineBytes;
    if (bytes > this.#peakBytes) bytes = collectedBytes() - this.#baselineBytes;
    this.#peakBytes = Math.max(this.#peakBytes, bytes);
    return bytes;
  }
}

/** Bytes on the heap and in buffers that are in use. */
export function heldBytes(): number {
  collectedBytes();
  return collectedBytes();
}

/** The same, but buffers that this collection found to be garbage are freed beside the program and counted out by the next. */
function collectedBytes(): number {
  if (globalThis.gc === undefined) throw new Error("start this process with --expose-gc");
  globalThis.gc();
  // Unlike process.memoryUsage(), this needs no file descriptor, of which an attack may leave none.
  const { used_heap_size: heapBytes, external_memory: externalBytes } = getHeapStatistics();
  return heapBytes + externalBytes;
}

function residentBytes(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    // No file descriptor is left to ask with; the heap is judged all the same.
    return 0;
  }
}
