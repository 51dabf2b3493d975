import { describe, expect, it, test } from "vitest";
import type { Rng } from "../base/rng.js";
import { leastRequest } from "./least-request.js";

interface FakeEndpoint {
  readonly name: string;
  readonly weight: number;
  inFlight: number;
  readonly state: "ready";
}

function endpoint(name: string, inFlight: number, weight = 1): FakeEndpoint {
  return { name, inFlight, weight, state: "ready" };
}

/** Draws the given indexes of `length` endpoints, over and over. */
function drawing(length: number, ...indexes: number[]): Rng {
  let next = 0;
  return () => ((indexes[next++ % indexes.length] as number) + 0.5) / length;
}

describe("leastRequest", () => {
  test.for<{ name: string; a: FakeEndpoint; b: FakeEndpoint; expected: string }>([
    { name: "takes the endpoint with fewer calls in flight", a: endpoint("a", 3), b: endpoint("b", 2), expected: "b" },
    { name: "takes the first drawn of two that are equal", a: endpoint("a", 2), b: endpoint("b", 2), expected: "a" },
    {
      name: "allows a heavier endpoint more calls",
      a: endpoint("a", 1),
      b: endpoint("b", 5, 4),
      expected: "b",
    },
    {
      name: "fills a heavier endpoint no further than its weight",
      a: endpoint("a", 1),
      b: endpoint("b", 8, 4),
      expected: "a",
    },
    { name: "prefers the heavier of two idle endpoints", a: endpoint("a", 0), b: endpoint("b", 0, 2), expected: "b" },
  ])("$name", ({ a, b, expected }) => {
    const choose = leastRequest([a, b], 2, drawing(2, 0, 1));
    expect(choose()).toMatchObject({ endpoint: { name: expected } });
  });

  it("looks at no more endpoints than it may draw", () => {
    const all = [endpoint("a", 9), endpoint("b", 8), endpoint("idle", 0)];
    expect(leastRequest(all, 2, drawing(3, 0, 1))()).toMatchObject({ endpoint: { name: "b" } });
    expect(leastRequest(all, 3, drawing(3, 0, 1, 2))()).toMatchObject({ endpoint: { name: "idle" } });
  });

  it("reads the calls in flight at each pick", () => {
    const [a, b] = [endpoint("a", 0), endpoint("b", 0)];
    const choose = leastRequest([a, b], 2, drawing(2, 0, 1));
    const picks: string[] = [];
    for (let call = 0; call < 4; call += 1) {
      const result = choose();
      if (result?.kind !== "complete") throw new Error("nothing was chosen");
      result.endpoint.inFlight += 1;
      picks.push(result.endpoint.name);
    }
    expect(picks).toEqual(["a", "b", "a", "b"]);
  });

  it("draws among the endpoints that were not tried, and has none when all were", () => {
    const [a, b] = [endpoint("a", 0), endpoint("b", 50)];
    const choose = leastRequest([a, b], 2, drawing(2, 0, 1));
    expect(choose(new Set([a]))).toMatchObject({ endpoint: { name: "b" } });
    expect(choose(new Set([a, b]))).toBeUndefined();
  });
});
