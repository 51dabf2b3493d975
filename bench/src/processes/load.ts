import type { Caller } from "../systems/system.js";
import type { Work } from "./protocol.js";

/** How much is done: calls until `ms` have passed, or until there were `calls`. */
export interface LoadOptions {
  readonly work: Work;
  readonly calls?: number;
  readonly ms: number;
}

/** The function that makes one call of `work`, and fails unless everything came that should. */
export function callOf(caller: Caller, work: Work): () => Promise<void> {
  const { payloadBytes } = work;
  const payload = new Uint8Array(payloadBytes);
  switch (work.kind) {
    case "unary":
      return async () => check("bytes", await caller.unary(payload), payloadBytes);
    case "server-stream":
      return async () => check("messages", await caller.serverStream(work.messages, payloadBytes), work.messages);
    case "client-stream":
      return async () => {
        const expected = work.messages * payloadBytes;
        check("bytes", await caller.clientStream(work.messages, payload), expected);
      };
  }
}

/** Makes calls, as many at a time as the work says; returns the time of each in microseconds. */
export async function load(
  call: () => Promise<void>,
  { work, calls = Number.POSITIVE_INFINITY, ms }: LoadOptions,
): Promise<number[]> {
  const times: number[] = [];
  const endAt = performance.now() + ms;
  let started = 0;
  const worker = async (): Promise<void> => {
    for (;;) {
      const begunAt = performance.now();
      if (started >= calls || begunAt >= endAt) return;
      started += 1;
      await call();
      times.push((performance.now() - begunAt) * 1_000);
    }
  };
  await Promise.all(Array.from({ length: work.kind === "unary" ? work.inFlight : 1 }, worker));
  return times;
}

function check(what: string, found: number, expected: number): void {
  if (found !== expected) throw new Error(`got ${found} ${what}, expected ${expected}`);
}
