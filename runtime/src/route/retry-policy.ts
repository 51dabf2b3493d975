import type { Rng } from "../base/rng.js";
import type { RetryCondition, RetryPolicy } from "../config/route.js";

/** How an attempt failed. */
export interface AttemptFailure {
  /** The gRPC status code of the attempt, whichever side made it. */
  readonly code: number;
  /** The server certainly did not process it: a stream that it refused, or one above the last of a GOAWAY. */
  readonly unprocessed: boolean;
  /** No connection could be made. */
  readonly connectFailed: boolean;
}

/**
 * Whether a policy allows to repeat an attempt that failed so. The count of attempts, the deadline and the commitment of
 * the call are the caller's to check.
 */
export function isRetriable(policy: RetryPolicy, failure: AttemptFailure): boolean {
  const conditions = policy.on;
  for (let i = 0; i < conditions.length; i++) {
    if (holds(conditions[i] as RetryCondition, failure)) return true;
  }
  return false;
}

/**
 * Milliseconds to wait before retry number `attempt`, counted from 1: uniform between 0 and the base doubled with each
 * retry, bounded by `maxBackoffMs`.
 *
 * The ceiling is that of gRFC A44. The jitter is Envoy's (`RetryPolicy.RetryBackOff`: fully jittered) instead of the
 * 20 percent of gRFC A6, since the numbers come from a configuration that is written for Envoy, and a full jitter
 * spreads the retries of many clients best.
 */
export function backoffMs(policy: RetryPolicy, attempt: number, rng: Rng): number {
  return rng() * Math.min(policy.baseBackoffMs * 2 ** (attempt - 1), policy.maxBackoffMs);
}

function holds(condition: RetryCondition, { code, unprocessed, connectFailed }: AttemptFailure): boolean {
  switch (condition) {
    case "cancelled":
      return code === 1;
    case "deadline-exceeded":
      return code === 4;
    case "resource-exhausted":
      return code === 8;
    case "internal":
      return code === 13;
    case "unavailable":
      return code === 14;
    case "connect-failure":
      return connectFailed;
    case "refused-stream":
      return unprocessed && !connectFailed;
    default:
      return condition satisfies never;
  }
}
