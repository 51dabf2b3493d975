import { describe, expect, it, test } from "vitest";
import type { RetryCondition, RetryPolicy } from "../config/route.js";
import { type AttemptFailure, backoffMs, isRetriable } from "./retry-policy.js";

function policy(...on: RetryCondition[]): RetryPolicy {
  return { on, maxRetries: 3, baseBackoffMs: 25, maxBackoffMs: 250, avoidPreviousHosts: true };
}

const failure = (code: number, more: Partial<AttemptFailure> = {}): AttemptFailure => ({
  code,
  unprocessed: false,
  connectFailed: false,
  ...more,
});

describe("isRetriable", () => {
  test.for<{ name: string; on: RetryCondition; failure: AttemptFailure; expected: boolean }>([
    { name: "CANCELLED", on: "cancelled", failure: failure(1), expected: true },
    { name: "DEADLINE_EXCEEDED", on: "deadline-exceeded", failure: failure(4), expected: true },
    { name: "RESOURCE_EXHAUSTED", on: "resource-exhausted", failure: failure(8), expected: true },
    { name: "INTERNAL", on: "internal", failure: failure(13), expected: true },
    { name: "UNAVAILABLE", on: "unavailable", failure: failure(14), expected: true },
    { name: "a status of another condition", on: "unavailable", failure: failure(13), expected: false },
    { name: "a status without condition", on: "unavailable", failure: failure(5), expected: false },
    {
      name: "a connection that failed",
      on: "connect-failure",
      failure: failure(14, { connectFailed: true }),
      expected: true,
    },
    {
      name: "a server's own UNAVAILABLE is no connect failure",
      on: "connect-failure",
      failure: failure(14),
      expected: false,
    },
    { name: "a refused stream", on: "refused-stream", failure: failure(14, { unprocessed: true }), expected: true },
    {
      name: "a connection that failed is no refused stream",
      on: "refused-stream",
      failure: failure(14, { unprocessed: true, connectFailed: true }),
      expected: false,
    },
  ])("$name", ({ on, failure, expected }) => {
    expect(isRetriable(policy(on), failure)).toBe(expected);
  });

  it("needs one of its conditions to hold", () => {
    expect(isRetriable(policy("cancelled", "internal", "unavailable"), failure(14))).toBe(true);
    expect(isRetriable(policy(), failure(14))).toBe(false);
  });
});

describe("backoffMs", () => {
  const highest = (attempt: number): number => backoffMs(policy(), attempt, () => 1 - Number.EPSILON);

  it("doubles its ceiling with each retry up to the maximum", () => {
    expect([1, 2, 3, 4, 5, 60, 2000].map((attempt) => Math.round(highest(attempt)))).toEqual([
      25, 50, 100, 200, 250, 250, 250,
    ]);
  });

  it("is spread evenly below the ceiling", () => {
    expect([0, 0.25, 0.5].map((draw) => backoffMs(policy(), 2, () => draw))).toEqual([0, 12.5, 25]);
  });
});
