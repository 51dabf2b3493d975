import { describe, expect, it, test } from "vitest";
import type { Rng } from "../base/rng.js";
import type { LoadBalancerConfig } from "../config/cluster.js";
import { createPicker } from "./create-picker.js";
import type { ConnectivityState, PickerInput, PickResult } from "./picker.js";

interface FakeEndpoint {
  readonly name: string;
  weight: number;
  inFlight: number;
  state: ConnectivityState;
}

function endpoint(name: string, state: ConnectivityState = "ready", weight = 1, inFlight = 0): FakeEndpoint {
  return { name, state, weight, inFlight };
}

function single(...endpoints: FakeEndpoint[]): PickerInput<FakeEndpoint> {
  return { priorities: [[{ weight: 1, endpoints }]], drops: [] };
}

/** A repeatable source: mulberry32. */
function seeded(seed: number): Rng {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function nameOf(result: PickResult<FakeEndpoint>): string {
  return result.kind === "complete" ? result.endpoint.name : result.kind;
}

function count(times: number, pick: () => PickResult<FakeEndpoint>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let index = 0; index < times; index += 1) {
    const name = nameOf(pick());
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

const POLICIES: readonly { readonly name: string; readonly config: LoadBalancerConfig }[] = [
  { name: "round_robin", config: { kind: "round_robin" } },
  { name: "least_request of 2", config: { kind: "least_request", choiceCount: 2 } },
  { name: "least_request of 10", config: { kind: "least_request", choiceCount: 10 } },
  { name: "random", config: { kind: "random" } },
  { name: "pick_first", config: { kind: "pick_first", shuffle: false } },
];

describe.each(POLICIES)("createPicker with $name", ({ config }) => {
  it("takes ready endpoints only", () => {
    const input = single(
      endpoint("idle", "idle"),
      endpoint("a"),
      endpoint("connecting", "connecting"),
      endpoint("failed", "failed"),
      endpoint("b"),
    );
    const picker = createPicker(config, input, seeded(1));
    const names = Object.keys(count(200, () => picker.pick()));
    for (const name of names) expect(["a", "b"]).toContain(name);
  });

  it("takes the only endpoint every time", () => {
    const picker = createPicker(config, single(endpoint("a", "ready", 7)), seeded(2));
    expect(count(20, () => picker.pick())).toEqual({ a: 20 });
  });

  it("avoids the endpoints that the call has tried", () => {
    const [a, b, c] = [endpoint("a"), endpoint("b", "ready", 9), endpoint("c")];
    const picker = createPicker(config, single(a, b, c), seeded(3));
    expect(count(50, () => picker.pick(new Set([a, b])))).toEqual({ c: 50 });
  });

  it("takes a tried endpoint again when there is no other", () => {
    const [a, b] = [endpoint("a"), endpoint("b", "failed")];
    const picker = createPicker(config, single(a, b), seeded(4));
    expect(nameOf(picker.pick(new Set([a])))).toBe("a");
  });

  it("looks for an untried endpoint in the other localities", () => {
    const [a, b] = [endpoint("a"), endpoint("b")];
    const input = {
      priorities: [
        [
          { weight: 1000, endpoints: [a] },
          { weight: 1, endpoints: [b] },
        ],
      ],
      drops: [],
    };
    const picker = createPicker(config, input, seeded(5));
    expect(count(50, () => picker.pick(new Set([a])))).toEqual({ b: 50 });
    expect(Object.keys(count(50, () => picker.pick(new Set([a, b]))))).toContain("a");
  });

  it("uses the first priority that has a ready endpoint", () => {
    const priorities = [
      [{ weight: 1, endpoints: [endpoint("p0", "failed")] }],
      [{ weight: 1, endpoints: [endpoint("p1")] }],
      [{ weight: 1, endpoints: [endpoint("p2")] }],
    ];
    const picker = createPicker(config, { priorities, drops: [] }, seeded(6));
    expect(count(20, () => picker.pick())).toEqual({ p1: 20 });
  });

  it("shares calls among localities by their weight, leaving out those without a ready endpoint", () => {
    const locality = (name: string, weight: number, state: ConnectivityState = "ready") => ({
      weight,
      endpoints: [endpoint(name, state)],
    });
    const input = { priorities: [[locality("a", 1), locality("gone", 96, "failed"), locality("b", 3)]], drops: [] };
    const picker = createPicker(config, input, seeded(7));
    const counts = count(4000, () => picker.pick());
    expect(Object.keys(counts).sort()).toEqual(["a", "b"]);
    expect(counts["b"]).toBeGreaterThan(2850);
    expect(counts["b"]).toBeLessThan(3150);
  });

  test.for<{ readonly name: string; readonly input: PickerInput<FakeEndpoint>; readonly expected: object }>([
    {
      name: "queues while an endpoint is idle",
      input: single(endpoint("a", "idle"), endpoint("b", "failed")),
      expected: { kind: "queue" },
    },
    {
      name: "queues while an endpoint connects",
      input: single(endpoint("a", "connecting")),
      expected: { kind: "queue" },
    },
    {
      name: "fails when every endpoint failed, and says why",
      input: { ...single(endpoint("a", "failed"), endpoint("b", "failed")), lastFailure: "connection refused" },
      expected: { kind: "fail", message: "none of 2 endpoints can be reached: connection refused" },
    },
    {
      name: "fails when there is no endpoint",
      input: { priorities: [], drops: [] },
      expected: { kind: "fail", message: "no healthy endpoint is known" },
    },
    {
      name: "fails when every locality is empty",
      input: { priorities: [[{ weight: 1, endpoints: [] }]], drops: [] },
      expected: { kind: "fail", message: "no healthy endpoint is known" },
    },
  ])("$name", ({ input, expected }) => {
    expect(createPicker(config, input, seeded(8)).pick()).toEqual(expected);
  });

  it("drops a share of the calls before it looks at endpoints", () => {
    const drops = [
      { category: "lottery", perMillion: 250_000 },
      { category: "throttle", perMillion: 1_000_000 },
    ];
    const picker = createPicker(config, { ...single(endpoint("a")), drops }, () => 0.25);
    expect(picker.pick()).toEqual({ kind: "drop", message: "dropped by configuration: throttle" });
    const lucky = createPicker(config, { ...single(endpoint("a")), drops: drops.slice(0, 1) }, () => 0.25);
    expect(nameOf(lucky.pick())).toBe("a");
    const unlucky = createPicker(config, { priorities: [], drops: drops.slice(0, 1) }, () => 0.2);
    expect(unlucky.pick()).toEqual({ kind: "drop", message: "dropped by configuration: lottery" });
  });
});

describe("createPicker", () => {
  it("gives random calls to endpoints by their weight", () => {
    const picker = createPicker(
      { kind: "random" },
      single(endpoint("a", "ready", 1), endpoint("b", "ready", 4)),
      seeded(9),
    );
    const counts = count(5000, () => picker.pick());
    expect(counts["b"]).toBeGreaterThan(3850);
    expect(counts["b"]).toBeLessThan(4150);
  });

  it("keeps to the first ready endpoint with pick_first", () => {
    const input = single(endpoint("a", "failed"), endpoint("b"), endpoint("c"));
    const picker = createPicker({ kind: "pick_first", shuffle: false }, input, seeded(10));
    expect(count(20, () => picker.pick())).toEqual({ b: 20 });
  });
});
