import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

// Two processes that talk one at a time are several times faster when the scheduler happens to put them on one core,
// and it changes its mind from run to run. Every system gets the same places instead: a core for each side.
const canPin = process.platform === "linux" && cpus().length > 1 && spawnSync("taskset", ["--version"]).status === 0;

// Far above what any order takes: a process that hangs is a failure, not a bench that never ends.
const ANSWER_TIMEOUT_MS = 60_000;

/** A process that answers each order with one line. */
export interface BenchProcess<Order, Answer> extends AsyncDisposable {
  /** Sends an order; the answer must be of `kind`. A process that ends instead is a failure. */
  ask<K extends Answer extends { readonly kind: infer Kind } ? Kind : never>(
    order: Order,
    kind: K,
  ): Promise<Extract<Answer, { readonly kind: K }>>;
}

/** Starts a process that talks to this one, on a core of its own where the system can do that. */
export function startProcess<Order, Answer extends { readonly kind: string }>(
  command: readonly string[],
  core: number,
): BenchProcess<Order, Answer> {
  const [file = "", ...args] = canPin ? ["taskset", "-c", String(core), ...command] : command;
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(file, args, {
    stdio: ["pipe", "pipe", "inherit"],
  });
  // Its end is noticed by the line that does not come.
  child.stdin.on("error", () => {});
  const exited = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (code, signal) => resolve(`it ended with ${signal ?? code}`));
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(order, kind) {
      child.stdin.write(`${JSON.stringify(order)}\n`);
      const isLate = setTimeout(() => child.kill("SIGKILL"), ANSWER_TIMEOUT_MS);
      const { done, value } = await lines.next().finally(() => clearTimeout(isLate));
      if (done === true) throw new Error(`${command.join(" ")}: no "${kind}": ${await exited}`);
      const answer = JSON.parse(value) as Answer;
      if (answer.kind !== kind) throw new Error(`${command.join(" ")}: expected "${kind}", got "${answer.kind}"`);
      return answer as never;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      const ended = once(child, "exit");
      child.stdin.end();
      await ended;
    },
  };
}
