import { describe, expect, it } from "vitest";
import { createVirtualClock } from "./virtual-clock.js";

describe("createVirtualClock", () => {
  it("stands still until it is advanced", async () => {
    const clock = createVirtualClock();
    const fired: number[] = [];
    clock.setTimer(5, () => fired.push(clock.nowMs()));
    await new Promise((resolve) => setImmediate(resolve));
    expect([clock.nowMs(), clock.pendingTimers, fired]).toEqual([0, 1, []]);
    await clock.advance(4.5);
    expect([clock.nowMs(), fired]).toEqual([4.5, []]);
    await clock.advance(10);
    expect([clock.nowMs(), clock.pendingTimers, fired]).toEqual([14.5, 0, [5]]);
  });

  it("fires timers in the order of their times, then of their making", async () => {
    const clock = createVirtualClock();
    const fired: string[] = [];
    for (const [name, delayMs] of [
      ["late", 20],
      ["first", 10],
      ["second", 10],
      ["past", -1],
    ] as const) {
      clock.setTimer(delayMs, () => fired.push(`${name} at ${clock.nowMs()}`));
    }
    await clock.advance(20);
    expect(fired).toEqual(["past at 0", "first at 10", "second at 10", "late at 20"]);
  });

  it("fires timers that timers and promises made on the way", async () => {
    const clock = createVirtualClock();
    const fired: number[] = [];
    const again = async (): Promise<void> => {
      fired.push(clock.nowMs());
      await Promise.resolve();
      clock.setTimer(10, () => again());
    };
    clock.setTimer(10, () => again());
    await clock.advance(35);
    expect([fired, clock.pendingTimers]).toEqual([[10, 20, 30], 1]);
  });

  it("does not fire a cancelled timer, even when another cancels it at the same time", async () => {
    const clock = createVirtualClock();
    const fired: string[] = [];
    clock.setTimer(1, () => second.cancel());
    const second = clock.setTimer(1, () => fired.push("second"));
    const third = clock.setTimer(2, () => fired.push("third"));
    third.cancel();
    third.cancel();
    await clock.advance(5);
    expect([fired, clock.pendingTimers]).toEqual([[], 0]);
  });

  it("lets deferred callbacks run before time moves", async () => {
    const clock = createVirtualClock();
    const seen: number[] = [];
    clock.defer(() => seen.push(clock.nowMs()));
    await clock.advance(100);
    expect(seen).toEqual([0]);
  });
});
