import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "./clock.js";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("systemClock", () => {
  it("B7: does not take a delay of 2^31 ms or more for none", () => {
    for (const delayMs of [2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5, 99_999_999 * 3_600_000, Number.POSITIVE_INFINITY]) {
      let fired = 0;
      const timer = systemClock.setTimer(delayMs, () => {
        fired += 1;
      });
      vi.advanceTimersByTime(60_000);
      expect(fired).toBe(0);
      timer.cancel();
    }
    expect(vi.getTimerCount()).toBe(0);
  });

  it("B7: fires after a long delay, once", () => {
    let fired = 0;
    systemClock.setTimer(2 ** 31 + 1000, () => {
      fired += 1;
    });
    vi.advanceTimersByTime(2 ** 31 + 999);
    expect(fired).toBe(0);
    vi.advanceTimersByTime(1);
    expect(fired).toBe(1);
    vi.advanceTimersByTime(2 ** 31);
    expect(fired).toBe(1);
  });
});
