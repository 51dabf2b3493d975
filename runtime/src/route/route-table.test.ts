import { describe, expect, it, test } from "vitest";
import type { Rng } from "../base/rng.js";
import type { HeaderMatcher, PathMatcher, Route, RouteAction, RouteMatch, VirtualHost } from "../config/route.js";
import { compileRoutes, type RouteCall, type RouteDecision } from "./route-table.js";

const NO_DRAW: Rng = () => {
  throw new Error("the match drew a random number");
};

/** A repeatable source: a linear congruence modulo 2^32, upper bits. */
function seeded(seed: number): Rng {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const PREFIX_ALL: PathMatcher = { kind: "prefix", value: "/", ignoreCase: false };

const path = (kind: PathMatcher["kind"], value: string): PathMatcher => ({ kind, value, ignoreCase: false });

const exactly = (name: string, value: string): HeaderMatcher => ({
  name,
  invert: false,
  treatMissingAsEmpty: false,
  test: { kind: "string", matcher: { kind: "exact", value, ignoreCase: false } },
});

const to = (...clusters: (readonly [name: string, weight: number])[]): RouteAction => ({
  kind: "forward",
  clusters: clusters.map(([name, weight]) => ({ name, weight })),
});

function route(name: string, action: RouteAction = to([name, 1]), match: Partial<RouteMatch> = {}): Route {
  return { name, action, match: { path: PREFIX_ALL, headers: [], ...match } };
}

function host(...routes: Route[]): VirtualHost {
  return { name: "greeter", domains: ["*"], routes };
}

function call(at: string, headers: Record<string, string> = {}): RouteCall {
  return { path: at, header: (name) => headers[name] };
}

/** The clusters are their names, in upper case. */
function decide(
  virtualHost: VirtualHost,
  forCall: RouteCall = call("/a.B/C"),
  rng: Rng = NO_DRAW,
  maxStreamDurationMs?: number,
): RouteDecision<string> {
  const defaults = maxStreamDurationMs === undefined ? {} : { maxStreamDurationMs };
  return compileRoutes(virtualHost, defaults, (name) => name.toUpperCase()).match(forCall, rng);
}

describe("compileRoutes", () => {
  it("forwards to the cluster's handle, with the route's name, timeout and retry policy", () => {
    const retry = { on: [], maxRetries: 1, baseBackoffMs: 1, maxBackoffMs: 2, avoidPreviousHosts: false };
    const action: RouteAction = { kind: "forward", clusters: [{ name: "a", weight: 1 }], timeoutMs: 300, retry };
    expect(decide(host(route("r", action)))).toEqual({
      kind: "forward",
      cluster: "A",
      clusterName: "a",
      timeoutMs: 300,
      retry,
      routeName: "r",
    });
  });

  test.for<{ name: string; own?: number; listener?: number; expected: number | undefined }>([
    { name: "no bound at all", expected: undefined },
    { name: "the listener's bound", listener: 100, expected: 100 },
    { name: "the route's own before the listener's", own: 300, listener: 100, expected: 300 },
    { name: "the route's 0 lifts the listener's", own: 0, listener: 100, expected: undefined },
    { name: "the listener's 0 is no bound", listener: 0, expected: undefined },
  ])("gives a call $name", ({ own, listener, expected }) => {
    const action: RouteAction = {
      kind: "forward",
      clusters: [{ name: "a", weight: 1 }],
      ...(own === undefined ? {} : { timeoutMs: own }),
    };
    const decision = decide(host(route("r", action)), call("/a.B/C"), NO_DRAW, listener);
    expect(decision.kind === "forward" ? decision.timeoutMs : decision).toBe(expected);
  });

  test.for<{ name: string; httpStatus: number; code: number }>([
    { name: "400 as INTERNAL", httpStatus: 400, code: 13 },
    { name: "401 as UNAUTHENTICATED", httpStatus: 401, code: 16 },
    { name: "403 as PERMISSION_DENIED", httpStatus: 403, code: 7 },
    { name: "404 as UNIMPLEMENTED", httpStatus: 404, code: 12 },
    { name: "429 as UNAVAILABLE", httpStatus: 429, code: 14 },
    { name: "502 as UNAVAILABLE", httpStatus: 502, code: 14 },
    { name: "503 as UNAVAILABLE", httpStatus: 503, code: 14 },
    { name: "504 as UNAVAILABLE", httpStatus: 504, code: 14 },
    { name: "500 as UNKNOWN", httpStatus: 500, code: 2 },
    { name: "200, which is no answer to an RPC, as UNKNOWN", httpStatus: 200, code: 2 },
  ])("answers HTTP status $name", ({ httpStatus, code }) => {
    expect(decide(host(route("r", { kind: "respond", httpStatus, body: "closed today" })))).toEqual({
      kind: "respond",
      code,
      message: "closed today",
    });
  });

  it("says which route answers when the answer has no body", () => {
    const decision = decide(host(route("r", { kind: "respond", httpStatus: 503, body: "" })));
    expect(decision).toMatchObject({ message: 'route "r" answers with HTTP status 503' });
  });

  it("rejects a call that meets a route which an RPC can't use", () => {
    const routes = [route("r", { kind: "reject", reason: "it redirects" }), route("other")];
    expect(decide(host(...routes))).toEqual({ kind: "reject", message: 'route "r": it redirects' });
  });

  it("rejects a call that no route matches, naming the path and the virtual host", () => {
    expect(decide(host(route("r", to(["a", 1]), { path: path("exact", "/x.Y/Z") })))).toEqual({
      kind: "reject",
      message: 'no route matches path "/a.B/C" in virtual host "greeter"',
    });
  });

  it("fails closed when a regex can't be compiled: the calls that meet the rest are rejected, others go on", () => {
    const broken = route("broken", to(["a", 1]), {
      path: path("regex", "("),
      headers: [exactly("user", "admin")],
    });
    const virtualHost = host(broken, route("other"));
    expect(decide(virtualHost, call("/a.B/C", { user: "admin" }))).toMatchObject({
      kind: "reject",
      message: expect.stringMatching(/^route "broken" can't be matched: path: regex "\(": /),
    });
    expect(decide(virtualHost)).toMatchObject({ kind: "forward", clusterName: "other" });
  });

  it("asks for each cluster once, and for none of weight 0", () => {
    const asked: string[] = [];
    compileRoutes(host(route("r", to(["a", 1], ["b", 2], ["off", 0])), route("s", to(["b", 1]))), {}, (name) => {
      asked.push(name);
      return name;
    });
    expect(asked).toEqual(["a", "b"]);
  });
});

describe("RouteTable.match", () => {
  it("lets the first route win, not the most specific", () => {
    const specific = route("exact", to(["exact", 1]), { path: path("exact", "/a.B/C") });
    expect(decide(host(route("all"), specific))).toMatchObject({ clusterName: "all" });
    expect(decide(host(specific, route("all")))).toMatchObject({ clusterName: "exact" });
  });

  it("needs every header of a route", () => {
    const both = route("both", to(["both", 1]), { headers: [exactly("a", "1"), exactly("b", "2")] });
    const virtualHost = host(both, route("other"));
    expect(decide(virtualHost, call("/a.B/C", { a: "1", b: "2" }))).toMatchObject({ clusterName: "both" });
    expect(decide(virtualHost, call("/a.B/C", { a: "1" }))).toMatchObject({ clusterName: "other" });
  });

  it("gives the same decision objects to every call", () => {
    const table = compileRoutes(host(route("r", to(["a", 1]), { path: path("exact", "/a.B/C") })), {}, String);
    expect(table.match(call("/a.B/C"), NO_DRAW)).toBe(table.match(call("/a.B/C"), NO_DRAW));
    expect(table.match(call("/none"), NO_DRAW)).toBe(table.match(call("/none"), NO_DRAW));
  });

  it("matches alike after more paths than it remembers, long ones too", () => {
    const service = route("service", to(["service", 1]), { path: path("prefix", "/a.B/") });
    const table = compileRoutes(host(service), {}, String);
    const inside = [call("/a.B/C"), call(`/a.B/${"c".repeat(2000)}`)];
    for (let index = 0; index < 3000; index += 1) {
      expect(table.match(call(`/x.Y/M${index}`), NO_DRAW).kind).toBe("reject");
      if (index % 500 !== 0) continue;
      for (const one of inside) expect(table.match(one, NO_DRAW)).toMatchObject({ clusterName: "service" });
    }
  });

  it("forgets paths, so that a caller of any path can't fill the memory", () => {
    const table = compileRoutes(host(), {}, String);
    const match = (at: string) => table.match(call(at), NO_DRAW);
    const first = match("/first");
    expect(match("/first")).toBe(first);
    for (let index = 0; index < 1100; index += 1) match(`/other${index}`);
    expect(match("/first")).not.toBe(first);
    const long = `/${"a".repeat(600)}`;
    expect(match(long)).not.toBe(match(long));
  });

  it("gives a route its fraction of the calls, and the rest to the next", () => {
    const half = (fractionPerMillion: number) =>
      host(route("some", to(["some", 1]), { fractionPerMillion }), route("rest"));
    expect(decide(half(500_000), undefined, () => 0.4999)).toMatchObject({ clusterName: "some" });
    expect(decide(half(500_000), undefined, () => 0.5)).toMatchObject({ clusterName: "rest" });
    expect(decide(half(0), undefined, () => 0)).toMatchObject({ clusterName: "rest" });
    expect(decide(half(1_000_000))).toMatchObject({ clusterName: "some" });
  });

  it("draws for the fraction only when the rest of the route matches", () => {
    const rare = route("rare", to(["rare", 1]), { fractionPerMillion: 500_000, headers: [exactly("a", "1")] });
    expect(decide(host(rare, route("other")))).toMatchObject({ clusterName: "other" });
  });

  test.for<{ name: string; weights: readonly number[] }>([
    { name: "90 to 10", weights: [90, 10] },
    { name: "one in a thousand", weights: [999, 1] },
    { name: "five clusters", weights: [1, 2, 3, 4, 5] },
    { name: "weights whose sum is 2^32 - 1", weights: [2 ** 31, 2 ** 31 - 1] },
    { name: "some of weight 0", weights: [0, 1, 0, 3, 0] },
  ])("splits calls by weight within three sigma: $name", ({ weights }) => {
    const clusters = weights.map((weight, index) => [String(index), weight] as const);
    const table = compileRoutes(host(route("r", to(...clusters))), {}, Number);
    const rng = seeded(2024);
    const calls = 40_000;
    const counts = weights.map(() => 0);
    for (let index = 0; index < calls; index += 1) {
      const decision = table.match(call("/a.B/C"), rng);
      if (decision.kind === "forward") counts[decision.cluster] = (counts[decision.cluster] ?? 0) + 1;
    }
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [index, weight] of weights.entries()) {
      const share = weight / total;
      const sigma = Math.sqrt(calls * share * (1 - share));
      expect(Math.abs((counts[index] as number) - calls * share)).toBeLessThanOrEqual(3 * sigma);
    }
  });

  test.for<{ name: string; draw: number; cluster: string }>([
    { name: "the lowest draw takes the first cluster above 0", draw: 0, cluster: "a" },
    { name: "a draw just below a bound", draw: 0.2499999, cluster: "a" },
    { name: "a draw at a bound belongs to the next", draw: 0.25, cluster: "b" },
    { name: "the highest draw takes the last cluster above 0", draw: 1 - Number.EPSILON / 2, cluster: "b" },
  ])("$name", ({ draw, cluster }) => {
    const split = host(route("r", to(["zero", 0], ["a", 1], ["b", 3], ["none", 0])));
    let draws = 0;
    const rng = () => {
      draws += 1;
      return draw;
    };
    expect(decide(split, undefined, rng)).toMatchObject({ clusterName: cluster });
    expect(draws).toBe(1);
  });
});
