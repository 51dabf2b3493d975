import { execFileSync } from "node:child_process";
import { constants, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { runInNewContext } from "node:vm";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { createVirtualClock, type VirtualClock } from "../testing/virtual-clock.js";
import { GROWTH_FLAG, LargeBuffers, V8Heap } from "./large-buffers.js";

const MIB = 1024 * 1024;

let usedBytes: number;
let done: string[];
let clock: VirtualClock;
let buffers: LargeBuffers;

beforeEach(() => {
  clock = createVirtualClock();
  usedBytes = 10 * MIB;
  done = [];
  const heap = {
    usedBytes: () => usedBytes,
    collectYoung: () => done.push("collect"),
    letDouble: (may: boolean) => done.push(may ? "double" : "as before"),
    keepMemory: () => done.push("keep"),
  };
  buffers = new LargeBuffers(heap, clock);
});

describe("LargeBuffers", () => {
  it("leaves a process alone that makes few", () => {
    for (let count = 0; count < 96; count += 1) buffers.made(MIB / 16);
    expect(done).toEqual([]);
  });

  it("collects a small heap before more than 6 MiB are young, and keeps memory from the first time on", () => {
    for (let count = 0; count < 6; count += 1) buffers.made(4 * MIB);
    expect(done).toEqual(["keep", "double", ...Array<string>(5).fill("collect")]);
    done = [];
    for (let count = 0; count < 160; count += 1) buffers.made(MIB / 16);
    expect(done).toEqual(["collect", "collect"]);
  });

  it("does not collect a heap that is not small", () => {
    usedBytes = 49 * MIB;
    for (let count = 0; count < 6; count += 1) buffers.made(4 * MIB);
    expect(done).toEqual(["keep"]);
    usedBytes = 48 * MIB;
    buffers.made(4 * MIB);
    expect(done).toEqual(["keep", "double", "collect"]);
  });

  it("lets the heap double until it is not small any more, or a second without large buffers has passed", async () => {
    for (const [usedMib, waitMs] of [
      [10, 900],
      [10, 900],
      [10, 1_001],
      [10, 0],
      [49, 0],
      [10, 0],
    ] as const) {
      usedBytes = usedMib * MIB;
      buffers.made(7 * MIB);
      await clock.advance(waitMs);
    }
    const doubling = done.filter((step) => step === "double" || step === "as before");
    expect(doubling).toEqual(["double", "as before", "double", "as before", "double"]);
    expect(clock.pendingTimers).toBe(1);
  });
});

describe("V8Heap", () => {
  it("collects the young generation, and leaves no collector behind for others", async () => {
    const heap = new V8Heap();
    let young = 0;
    const observer = new PerformanceObserver((list) => {
      // What Node's types do not say of entries of this type.
      const entries = list.getEntries() as (PerformanceEntry & { readonly detail: { readonly kind: number } })[];
      for (const { detail } of entries) if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) young += 1;
    });
    observer.observe({ entryTypes: ["gc"] });
    for (let count = 0; count < 5; count += 1) heap.collectYoung();
    await vi.waitFor(() => expect(young).toBeGreaterThanOrEqual(5));
    observer.disconnect();
    expect([typeof globalThis.gc, runInNewContext("typeof gc")]).toEqual(["undefined", "undefined"]);
  });

  it("lets the heap double by a flag that V8 has, where V8 is old and the process was not started with it", () => {
    const known = execFileSync(process.execPath, ["--v8-options"], { encoding: "utf8" });
    expect(known).toContain(`${GROWTH_FLAG} (`);
    const flags: string[] = [];
    const heapOf = (v8Version: string): V8Heap => new V8Heap(v8Version, (flag) => flags.push(flag));
    const heap = heapOf("12.4.254.21-node.33");
    heap.letDouble(true);
    heap.letDouble(false);
    expect(flags).toEqual([`${GROWTH_FLAG}=100`, `${GROWTH_FLAG}=0`]);
    heapOf("13.6.233.8-node.26").letDouble(true);
    vi.stubEnv("NODE_OPTIONS", "--heap_growing_percent=50");
    heapOf("11.3.244.8-node.33").letDouble(true);
    expect(flags).toHaveLength(2);
  });

  it("tells of objects alone, not of buffers, and takes no memory to keep some", () => {
    const heap = new V8Heap();
    const before = { used: heap.usedBytes(), resident: process.memoryUsage.rss() };
    const buffer = Buffer.alloc(40 * MIB, 1);
    const withBuffer = heap.usedBytes();
    buffer.fill(0);
    const resident = process.memoryUsage.rss();
    heap.keepMemory();
    expect(withBuffer - before.used).toBeLessThan(10 * MIB);
    expect(resident - before.resident).toBeGreaterThan(20 * MIB);
    expect(process.memoryUsage.rss() - resident).toBeLessThan(10 * MIB);
  });
});
