import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { roundRobin } from "./round-robin.js";

interface FakeEndpoint {
  readonly index: number;
  readonly weight: number;
  readonly inFlight: number;
  readonly state: "ready";
}

function endpoints(weights: readonly number[]): FakeEndpoint[] {
  return weights.map((weight, index) => ({ index, weight, inFlight: 0, state: "ready" }));
}

function indexes(weights: readonly number[], times: number, start = 0): (number | undefined)[] {
  const choose = roundRobin(endpoints(weights), () => start);
  return Array.from({ length: times }, () => {
    const result = choose();
    return result?.kind === "complete" ? result.endpoint.index : undefined;
  });
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

describe("roundRobin", () => {
  it("takes endpoints of equal weight in turn", () => {
    expect(indexes([5, 5, 5], 7)).toEqual([0, 1, 2, 0, 1, 2, 0]);
  });

  it("begins at a random endpoint", () => {
    expect(indexes([1, 1, 1], 4, 0.5)).toEqual([1, 2, 0, 1]);
  });

  it("spreads the turns of a heavy endpoint", () => {
    expect(indexes([2, 1], 3)).toEqual([0, 1, 0]);
    expect(indexes([1, 3], 4).join("")).toMatch(/^(1011|1101)$/);
  });

  it("gives each endpoint exactly its weight in every cycle", () => {
    const weights = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 });
    const start = fc.double({ min: 0, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(weights, start, (shares, first) => {
        const divisor = shares.reduce(gcd, 0);
        const cycle = shares.reduce((sum, share) => sum + share / divisor, 0);
        const counts = shares.map(() => 0);
        for (const index of indexes(shares, cycle, first)) counts[index as number] = (counts[index as number] ?? 0) + 1;
        expect(counts).toEqual(shares.map((share) => share / divisor));
      }),
    );
  });

  it("lets no endpoint wait much longer than its share", () => {
    const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(weights, (shares) => {
        const total = shares.reduce((sum, share) => sum + share, 0);
        const picks = indexes(shares, 3 * total);
        for (const [index, share] of shares.entries()) {
          const turns = picks.flatMap((pick, at) => (pick === index ? [at] : []));
          const gaps = turns.slice(1).map((at, k) => at - (turns[k] as number));
          // Between two turns, every other endpoint gets at most its part of the gap, rounded up.
          expect(Math.max(...gaps)).toBeLessThanOrEqual(total / share + shares.length);
        }
      }),
    );
  });

  it("keeps the cycle short when weights are large, and serves the lightest endpoint still", () => {
    const picks = indexes([4_294_967_295, 1], 20_000);
    expect(picks.filter((index) => index === 1).length).toBeGreaterThanOrEqual(1);
    expect(picks.filter((index) => index === 0).length).toBeGreaterThan(19_000);
  });

  it("goes past the endpoints that were tried, and has none when all were", () => {
    const all = endpoints([1, 1, 1]);
    const [a, b, c] = all as [FakeEndpoint, FakeEndpoint, FakeEndpoint];
    const choose = roundRobin(all, () => 0);
    expect(choose(new Set([a, b]))).toMatchObject({ endpoint: c });
    expect(choose(new Set([a, b, c]))).toBeUndefined();
    expect(choose()).toMatchObject({ endpoint: a });
  });
});
