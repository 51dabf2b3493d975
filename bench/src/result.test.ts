import { describe, expect, it } from "vitest";
import { median, ratioOf } from "./result.js";

describe("median", () => {
  it("is the middle, or between the two in the middle", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
  });
});

describe("ratioOf", () => {
  const ratio = (goal: { atMost?: number; atLeast?: number }, ours: number[], theirs: number[]) =>
    ratioOf({ name: "n", goal: "g", ours, theirs, read: (sample) => sample, ...goal });

  it("compares run by run, then takes the median", () => {
    // The medians of the sides would give 10 : 20.
    expect(ratio({}, [1, 10, 90], [2, 20, 30]).value).toBe(0.5);
    expect(ratio({}, [1, 10, 90], [20, 2, 30]).value).toBe(3);
  });

  it("holds up to its bound, and not without a figure", () => {
    expect(ratio({ atMost: 0.5 }, [1], [2]).holds).toBe(true);
    expect(ratio({ atMost: 0.49 }, [1], [2]).holds).toBe(false);
    expect(ratio({ atLeast: 10 }, [20], [2]).holds).toBe(true);
    expect(ratio({ atLeast: 10 }, [19], [2]).holds).toBe(false);
    expect(ratio({ atMost: 1 }, [], []).holds).toBe(false);
  });
});
