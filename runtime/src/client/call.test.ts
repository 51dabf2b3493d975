import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import type { RetryPolicy } from "../config/route.js";
import { ErrorCode } from "../http2/types.js";
import {
  answerStatus,
  cluster,
  config,
  failureOf,
  forward,
  Harness,
  NOTHING_LEFT,
  retry,
  type Say,
} from "./test/harness.js";

let harness: Harness;

beforeEach(() => {
  harness = new Harness();
});

afterEach(async () => {
  expect(await harness.stop()).toEqual(NOTHING_LEFT);
});

const failing =
  (code: Code): Say =>
  () => {
    throw new ConnectError("no", code);
  };

/** Fails the first `times` calls of all servers together. */
function failingTimes(times: number): Say {
  return (text) => {
    if (harness.handled.length <= times) throw new ConnectError("busy", Code.Unavailable);
    return text;
  };
}

function routes(hosts: readonly string[], policy?: RetryPolicy, timeoutMs?: number): void {
  const more = {
    ...(policy === undefined ? {} : { retry: policy }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
  harness.channel.onConfig(config(forward("c", more), { c: cluster(hosts) }));
}

const never: Say = () => new Promise(() => {});

describe("Call retries", () => {
  it("goes to another endpoint when one is unavailable", async () => {
    const say = failingTimes(1);
    for (const host of ["a", "b", "c"]) await harness.serve(host, say);
    routes(["a", "b", "c"], retry());
    await harness.clock.advance(0);
    const outcome = await harness.call();
    expect(outcome.text).toBe("hi");
    expect(new Set(harness.handled).size).toBe(2);
    expect(outcome.decision).toEqual({
      routeName: "r",
      cluster: "c",
      endpoint: `${harness.handled[1]}:80`,
      attempts: 2,
    });
  });

  it("tries every endpoint once before one twice", async () => {
    for (const host of ["a", "b", "c"]) await harness.serve(host, failing(Code.Unavailable));
    routes(["a", "b", "c"], retry({ maxRetries: 3 }));
    await harness.clock.advance(0);
    expect(failureOf(await harness.call())).toEqual({ code: "Unavailable", message: "no" });
    expect([...harness.handled.slice(0, 3)].sort()).toEqual(["a", "b", "c"]);
    expect(harness.handled).toHaveLength(4);
  });

  test.for<{ name: string; code: Code; on: RetryPolicy["on"]; attempts: number }>([
    { name: "UNAVAILABLE when the policy names it", code: Code.Unavailable, on: ["unavailable"], attempts: 3 },
    { name: "not UNAVAILABLE when the policy names another", code: Code.Unavailable, on: ["internal"], attempts: 1 },
    { name: "not NOT_FOUND ever", code: Code.NotFound, on: ["unavailable", "internal"], attempts: 1 },
    { name: "INTERNAL when the policy names it", code: Code.Internal, on: ["internal"], attempts: 3 },
    { name: "RESOURCE_EXHAUSTED by its name", code: Code.ResourceExhausted, on: ["resource-exhausted"], attempts: 3 },
    { name: "CANCELLED by its name", code: Code.Canceled, on: ["cancelled"], attempts: 3 },
    { name: "no answer of a server as connect-failure", code: Code.Unavailable, on: ["connect-failure"], attempts: 1 },
  ])("repeats $name", async ({ code, on, attempts }) => {
    await harness.serve("a", failing(code));
    routes(["a"], retry({ on }));
    const outcome = await harness.call();
    expect(outcome.error?.code).toBe(code);
    expect(harness.handled).toHaveLength(attempts);
  });

  it("does not repeat anything without a policy", async () => {
    await harness.serve("a", failing(Code.Unavailable));
    routes(["a"]);
    await harness.call();
    expect(harness.handled).toHaveLength(1);
  });

  it("tells the server how many attempts came before (gRFC A6)", async () => {
    const seen: (string | null)[] = [];
    await harness.serve("a", (_text, context: HandlerContext) => {
      seen.push(context.requestHeader.get("grpc-previous-rpc-attempts"));
      throw new ConnectError("no", Code.Unavailable);
    });
    routes(["a"], retry());
    await harness.call();
    expect(seen).toEqual([null, "1", "2"]);
  });

  /** Serves answers of UNAVAILABLE that ask for a delay of the next attempt. */
  const pushingBack = (pushback: string) =>
    harness.serveRaw("a", (stream) => {
      answerStatus(stream, Code.Unavailable, "grpc-message", "no", "grpc-retry-pushback-ms", pushback);
    });

  it("waits as long as the server asks (gRFC A6)", async () => {
    await pushingBack("700");
    routes(["a"], retry());
    const outcome = await harness.call();
    await harness.clock.advance(699);
    expect(harness.handled).toHaveLength(1);
    await harness.clock.advance(1);
    expect(harness.handled).toHaveLength(2);
    await harness.clock.advance(700);
    expect(failureOf(outcome)).toEqual({ code: "Unavailable", message: "no" });
  });

  test.for([
    { name: "a negative number", pushback: "-1" },
    { name: "a word", pushback: "never" },
    { name: "a fraction", pushback: "1.5" },
  ])("gives up when the server asks for no retry: $name", async ({ pushback }) => {
    await pushingBack(pushback);
    routes(["a"], retry());
    expect(failureOf(await harness.call())).toEqual({ code: "Unavailable", message: "no" });
    expect(harness.handled).toHaveLength(1);
  });

  it("sends a call again once, without a policy, when the server did not process it (gRFC A6)", async () => {
    await harness.serveRaw("a", (stream) => stream.reset(ErrorCode.REFUSED_STREAM));
    routes(["a"]);
    expect(failureOf(await harness.call())?.code).toBe("Unavailable");
    expect(harness.handled).toHaveLength(2);
  });

  it("answers from another endpoint when one refuses the stream", async () => {
    await harness.serveRaw("a", (stream) => stream.reset(ErrorCode.REFUSED_STREAM));
    await harness.serve("b");
    routes(["a", "b"]);
    await harness.clock.advance(0);
    const outcomes = [await harness.call(), await harness.call()];
    expect(outcomes.map(({ text }) => text)).toEqual(["b: hi", "b: hi"]);
  });

  it("does not send a call again that the server may have processed", async () => {
    await harness.serveRaw("a", (stream) => stream.reset(ErrorCode.INTERNAL_ERROR));
    routes(["a"]);
    expect(failureOf(await harness.call())?.code).toBe("Internal");
    expect(harness.handled).toHaveLength(1);
  });

  it("ends an attempt that takes longer than its own bound, and tries another endpoint", async () => {
    await harness.serve("a", (text) => (harness.handled.length === 1 ? new Promise<string>(() => {}) : text));
    await harness.serve("b", (text) => (harness.handled.length === 1 ? new Promise<string>(() => {}) : text));
    routes(["a", "b"], retry({ perTryTimeoutMs: 50 }));
    await harness.clock.advance(0);
    const outcome = await harness.call();
    await harness.clock.advance(49);
    expect(harness.handled).toHaveLength(1);
    await harness.clock.advance(1);
    expect(outcome.text).toBe("hi");
    expect(new Set(harness.handled).size).toBe(2);
  });

  it("keeps to the deadline of the call while it waits for the next attempt", async () => {
    await pushingBack("60000");
    routes(["a"], retry());
    const outcome = await harness.call("hi", { timeoutMs: 100 });
    await harness.clock.advance(100);
    expect(failureOf(outcome)).toEqual({ code: "DeadlineExceeded", message: "the operation timed out" });
  });
});

describe("Call deadline and cancellation", () => {
  it("fails at the route's bound, and at an earlier one of its own", async () => {
    await harness.serve("a", never);
    routes(["a"], undefined, 200);
    const [long, short] = [harness.start("x", { timeoutMs: 5000 }), harness.start("y", { timeoutMs: 100 })];
    await harness.clock.advance(100);
    expect([failureOf(long), failureOf(short)?.code]).toEqual([undefined, "DeadlineExceeded"]);
    await harness.clock.advance(100);
    expect(failureOf(long)?.code).toBe("DeadlineExceeded");
  });

  it("tells the server what is left of the deadline", async () => {
    const seen: (string | null)[] = [];
    await harness.serve("a", (text, context) => {
      seen.push(context.requestHeader.get("grpc-timeout"));
      return text;
    });
    routes(["a"]);
    await harness.call("hi", { timeoutMs: 250 });
    await harness.call("hi");
    expect(seen).toEqual(["250000u", null]);
  });

  it("fails when its signal aborts, and tells the server", async () => {
    let signal: AbortSignal | undefined;
    await harness.serve("a", (_text, context) => {
      signal = context.signal;
      return new Promise(() => {});
    });
    routes(["a"]);
    const abort = new AbortController();
    const outcome = await harness.call("hi", { signal: abort.signal });
    abort.abort();
    await harness.clock.advance(0);
    expect(failureOf(outcome)).toEqual({ code: "Canceled", message: "the operation was aborted" });
    expect(signal?.aborted).toBe(true);
  });

  it("may share its signal with many others, without a warning of a leak", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => {
      warnings.push(warning);
    };
    process.on("warning", onWarning);
    await harness.serve("a", never);
    routes(["a"]);
    const abort = new AbortController();
    const outcomes = Array.from({ length: 20 }, () => harness.start("hi", { signal: abort.signal }));
    await harness.clock.advance(0);
    abort.abort();
    await harness.clock.advance(0);
    process.off("warning", onWarning);
    expect(outcomes.map((outcome) => failureOf(outcome)?.code)).toEqual(outcomes.map(() => "Canceled"));
    expect(warnings).toEqual([]);
  });

  it("sends nothing when its signal aborted before", async () => {
    await harness.serve("a");
    routes(["a"]);
    expect(failureOf(await harness.call("hi", { signal: AbortSignal.abort() }))?.code).toBe("Canceled");
    expect(harness.handled).toEqual([]);
  });

  it("takes the abort of a timeout signal for a deadline", async () => {
    routes(["a"]);
    const signal = AbortSignal.abort(new DOMException("late", "TimeoutError"));
    expect(failureOf(await harness.call("hi", { signal }))?.code).toBe("DeadlineExceeded");
  });
});

describe("Call connections", () => {
  it("A22: goes on through connections whose stream ids run out", async () => {
    harness.http2 = { maxStreamId: 5 };
    await harness.serve("a");
    routes(["a"]);
    const outcomes = Array.from({ length: 20 }, (_, index) => harness.start(`${index}`));
    for (let turn = 0; turn < 20; turn += 1) await harness.clock.advance(0);
    expect(outcomes.map(({ text }) => text)).toEqual(Array.from({ length: 20 }, (_, index) => `a: ${index}`));
  });
});
