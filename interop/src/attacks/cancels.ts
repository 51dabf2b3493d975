import { Code, ConnectError } from "@connectrpc/connect";
import type { InteropClient } from "../gen/meshwright/interop/v1/interop_mesh.js";

/** Calls that are made to be given up. */
export interface CancelLoad {
  readonly perSecond: number;
  readonly seconds: number;
  /** Milliseconds until each is given up: every other one by its deadline, the rest by a signal. */
  readonly afterMs: number;
}

// A process that was held up catches up, but no faster than this: a cluster's circuit breaker opens at 1,024 calls.
const MAX_IN_FLIGHT = 500;
// Longer than any run: only giving up ends a call.
const HANDLER_MS = 600_000;

/** Makes calls at a steady rate, gives each up, and counts how they ended. */
export async function cancelCalls(
  client: InteropClient,
  { perSecond, seconds, afterMs }: CancelLoad,
): Promise<Readonly<Record<string, number>>> {
  const outcomes: Record<string, number> = {};
  const pending = new Set<Promise<void>>();
  const start = (index: number): void => {
    const options = index % 2 === 0 ? { timeoutMs: afterMs } : { signal: abortedAfter(afterMs), timeoutMs: HANDLER_MS };
    const call = client.unary({ text: "wait", delayMs: HANDLER_MS }, options).then(
      () => count("ok"),
      (error: unknown) => {
        const { code, rawMessage } = ConnectError.from(error);
        // Others than these are told with their reason.
        const isGivenUp = code === Code.Canceled || code === Code.DeadlineExceeded;
        count(isGivenUp ? Code[code] : `${Code[code]}: ${rawMessage}`);
      },
    );
    pending.add(call);
    void call.then(() => pending.delete(call));
  };
  const count = (outcome: string): void => {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  };

  const total = perSecond * seconds;
  const startMs = performance.now();
  await new Promise<void>((resolve) => {
    let index = 0;
    const timer = setInterval(() => {
      const due = Math.min(total, ((performance.now() - startMs) / 1000) * perSecond);
      for (; index < due && pending.size < MAX_IN_FLIGHT; index += 1) start(index);
      if (index < total) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
  await Promise.all(pending);
  return outcomes;
}

function abortedAfter(ms: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), ms);
  return controller.signal;
}
