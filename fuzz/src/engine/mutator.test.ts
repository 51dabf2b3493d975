import { describe, expect, it } from "vitest";
import { Mutator } from "./mutator.js";
import { Random } from "./random.js";
import type { Target } from "./target.js";

const PIECE_BYTES = 3;

const target: Target = {
  name: "pieces",
  maxInputBytes: 24,
  covers: [],
  dictionary: [Uint8Array.of(0xaa, 0xbb, 0xcc)],
  seeds: [],
  split(_bytes, length, ends) {
    let count = 0;
    for (let at = 0; at < length; ) {
      at = Math.min(length, at + PIECE_BYTES);
      ends[count++] = at;
    }
    return count;
  },
  run: () => {},
};

describe("Mutator", () => {
  it("stays within the input's size, whatever it does", () => {
    const mutator = new Mutator(new Random(3), target);
    const slot = Buffer.alloc(target.maxInputBytes);
    const entries = [new Uint8Array(0), Uint8Array.of(1), new Uint8Array(24).fill(7)];
    const seen = new Set<string>();
    for (let round = 0; round < 20_000; round++) {
      const length = mutator.mutate(slot, { entries });
      if (length < 0 || length > target.maxInputBytes) expect.fail(`length ${length}`);
      seen.add(slot.toString("hex", 0, length));
    }
    expect(seen.size).toBeGreaterThan(5000);
  });

  it("makes the same inputs of the same seed, and others of another", () => {
    const inputs = (seed: number): string[] => {
      const mutator = new Mutator(new Random(seed), target);
      const slot = Buffer.alloc(target.maxInputBytes);
      return Array.from({ length: 50 }, () => {
        const length = mutator.mutate(slot, { entries: [Uint8Array.of(1, 2, 3, 4, 5, 6)] });
        return slot.toString("hex", 0, length);
      });
    };
    expect(inputs(1)).toEqual(inputs(1));
    expect(inputs(1)).not.toEqual(inputs(2));
  });
});
