import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { address, cluster, config, failureOf, forward, Harness, NOTHING_LEFT } from "./test/harness.js";

let harness: Harness;

beforeEach(() => {
  harness = new Harness();
});

afterEach(async () => {
  expect(await harness.stop()).toEqual(NOTHING_LEFT);
});

/** Calls that wait until `answer`; each is answered with its text. */
function holding() {
  const waiting: (() => void)[] = [];
  return {
    waiting,
    say: (text: string) => new Promise<string>((resolve) => waiting.push(() => resolve(text))),
    answer: () => {
      for (const resolve of waiting.splice(0)) resolve();
      return harness.clock.advance(0);
    },
  };
}

describe("Channel routing", () => {
  it("answers a call by itself when the route says so", async () => {
    harness.channel.onConfig(config({ kind: "respond", httpStatus: 503, body: "maintenance" }));
    const { error } = await harness.call();
    expect(error?.code).toBe(Code.Unavailable);
    expect(error?.rawMessage).toContain("maintenance");
  });

  it("fails a call whose route is of no use to an RPC", async () => {
    harness.channel.onConfig(config({ kind: "reject", reason: "redirects are for browsers" }));
    const failure = failureOf(await harness.call());
    expect(failure?.code).toBe("Unavailable");
    expect(failure?.message).toContain("redirects are for browsers");
  });

  it("lets calls wait for the first configuration", async () => {
    await harness.serve("a");
    const outcome = await harness.call();
    expect(outcome).toEqual({});
    harness.channel.onConfig(config(forward(), { c: cluster(["a"]) }));
    await harness.clock.advance(0);
    expect(outcome.text).toBe("a: hi");
  });

  it("fails waiting and later calls when there is no usable configuration, until there is one", async () => {
    await harness.serve("a");
    const waiting = await harness.call();
    harness.channel.onError("listener echo:80 does not exist");
    const expected = { code: "Unavailable", message: "listener echo:80 does not exist" };
    expect(failureOf(waiting)).toEqual(expected);
    expect(failureOf(await harness.call())).toEqual(expected);
    harness.channel.onConfig(config(forward(), { c: cluster(["a"]) }));
    expect((await harness.call()).text).toBe("a: hi");
  });

  it("ends a call at its deadline while it waits for a configuration", async () => {
    const outcome = await harness.call("hi", { timeoutMs: 10 });
    await harness.clock.advance(10);
    expect(failureOf(outcome)?.code).toBe("DeadlineExceeded");
    harness.channel.onConfig(config(forward(), { c: cluster([]) }));
    await harness.clock.advance(0);
    expect(failureOf(outcome)?.code).toBe("DeadlineExceeded");
  });

  it("fails calls to a cluster that can't be used, with the reason", async () => {
    harness.channel.onConfig(config(forward(), { c: { kind: "failed", message: "no endpoints were found" } }));
    expect(failureOf(await harness.call())).toEqual({
      code: "Unavailable",
      message: 'cluster "c": no endpoints were found',
    });
  });

  it("fails calls to a cluster that is missing", async () => {
    harness.channel.onConfig(config(forward("gone")));
    expect(failureOf(await harness.call())?.message).toBe('cluster "gone": cluster "gone" is not in the configuration');
  });

  it("fails later calls once it was closed", async () => {
    harness.channel.onConfig(config(forward(), { c: cluster(["a"]) }));
    harness.channel.close();
    expect(failureOf(await harness.call())).toEqual({ code: "Unavailable", message: "the mesh was closed" });
  });

  it("fails the calls in flight when it is closed", async () => {
    const { say, answer } = holding();
    await harness.serve("a", say);
    harness.channel.onConfig(config(forward(), { c: cluster(["a"]) }));
    const outcome = await harness.call();
    harness.channel.close();
    await harness.clock.advance(0);
    expect(outcome.error).toBeInstanceOf(ConnectError);
    await answer();
  });
});

describe("Channel configuration updates", () => {
  it("keeps the connections of endpoints that stay", async () => {
    for (const host of ["a", "b", "c"]) await harness.serve(host);
    harness.channel.onConfig(config(forward(), { c: cluster(["a", "b"]) }));
    await harness.clock.advance(0);
    const before = [...(harness.channel.clusters.get("c")?.subchannels ?? [])].map(({ connection }) => connection);
    harness.channel.onConfig(config(forward(), { c: cluster(["b", "c"]) }));
    await harness.clock.advance(0);
    const after = [...(harness.channel.clusters.get("c")?.subchannels ?? [])].map(({ connection }) => connection);
    expect(after[0]).toBe(before[1]);
    expect(after[1]).toBeDefined();
    expect(harness.network.openConnections).toBe(2);
  });

  it("lets calls in flight end on an endpoint that was removed", async () => {
    const { say, answer } = holding();
    await harness.serve("a", say);
    await harness.serve("b");
    harness.channel.onConfig(config(forward(), { c: cluster(["a"]) }));
    const old = await harness.call("old");
    harness.channel.onConfig(config(forward(), { c: cluster(["b"]) }));
    expect((await harness.call("new")).text).toBe("b: new");
    await answer();
    expect(old.text).toBe("old");
    await harness.clock.advance(0);
    expect(harness.network.openConnections).toBe(1);
  });

  it("routes the calls again that wait in a cluster that was removed", async () => {
    await harness.serve("b");
    harness.network.partition(address("a"), true);
    harness.channel.onConfig(config(forward("one"), { one: cluster(["a"]) }));
    const waiting = await harness.call();
    expect(waiting).toEqual({});
    harness.channel.onConfig(config(forward("two"), { two: cluster(["b"]) }));
    await harness.clock.advance(0);
    expect(waiting.text).toBe("b: hi");
    expect(waiting.decision?.cluster).toBe("two");
  });

  it("opens the circuit above the cluster's bound, and closes it when a call ends (gRFC A32)", async () => {
    const { say, answer } = holding();
    await harness.serve("a", say);
    harness.channel.onConfig(config(forward(), { c: cluster(["a"], { maxRequests: 2 }) }));
    const [first, second, third] = [harness.start("1"), harness.start("2"), harness.start("3")];
    await harness.clock.advance(0);
    expect(failureOf(third)).toEqual({
      code: "Unavailable",
      message: 'cluster "c": circuit breaker open: 2 calls are in flight',
    });
    await answer();
    expect([first.text, second.text]).toEqual(["1", "2"]);
    const fourth = await harness.call("4");
    await answer();
    expect(fourth.text).toBe("4");
  });
});

describe("calls beyond the server's MAX_CONCURRENT_STREAMS", () => {
  it("wait their turn, first come first served", async () => {
    const { waiting, say } = holding();
    await harness.serve("a", say, { maxConcurrentStreams: 1 });
    harness.channel.onConfig(config(forward(), { c: cluster(["a"]) }));
    const ended: string[] = [];
    const first = await harness.call("0");
    const outcomes = ["1", "2", "3"].map((text) => harness.start(text));
    await harness.clock.advance(0);
    expect(waiting).toHaveLength(1);
    for (const outcome of [first, ...outcomes]) {
      waiting.shift()?.();
      await harness.clock.advance(0);
      ended.push(outcome.text ?? "none");
    }
    expect(ended).toEqual(["0", "1", "2", "3"]);
  });

  it("keep to their deadline and their signal while they wait", async () => {
    const { say, answer } = holding();
    await harness.serve("a", say, { maxConcurrentStreams: 1 });
    harness.channel.onConfig(config(forward(), { c: cluster(["a"]) }));
    const abort = new AbortController();
    const first = await harness.call("0");
    const late = await harness.call("late", { timeoutMs: 10 });
    const aborted = await harness.call("aborted", { signal: abort.signal });
    const last = await harness.call("last");
    abort.abort();
    await harness.clock.advance(10);
    expect([failureOf(late)?.code, failureOf(aborted)?.code]).toEqual(["DeadlineExceeded", "Canceled"]);
    await answer();
    await answer();
    expect([first.text, last.text]).toEqual(["0", "last"]);
    expect(harness.handled).toHaveLength(2);
  });
});
