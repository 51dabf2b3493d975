import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import type { ProcedureAnswer, ProcedureCall } from "@meshwright/interop/attacks/procedures";

const require = createRequire(import.meta.url);

type AnyProcedures = Readonly<Record<string, (argument: never) => unknown>>;

/** A process of `interop/src/attacks/` that answers procedures. */
export interface Child<P extends AnyProcedures> {
  /** What it said when it was ready. */
  readonly greeting: string;
  readonly isAlive: boolean;
  /** What it printed to stderr. */
  readonly complaints: string;
  call<K extends keyof P & string>(name: K, argument: Parameters<P[K]>[0]): Promise<Awaited<ReturnType<P[K]>>>;
  stop(): Promise<void>;
}

/** How a process is started, apart from its program. */
export interface ChildOptions {
  readonly argument?: unknown;
  /** A command before Node's, such as one that sets limits. */
  readonly prefix?: readonly string[];
}

/** Starts a process; resolves when it is ready. */
export async function startChild<P extends AnyProcedures>(
  program: "server" | "witness" | "client",
  { argument = {}, prefix = [] }: ChildOptions = {},
): Promise<Child<P>> {
  const file = require.resolve(`@meshwright/interop/attacks/${program}`);
  const options = JSON.stringify(argument, (_, value) => (value === Number.POSITIVE_INFINITY ? "Infinity" : value));
  // A small young generation: garbage that waits for its collection should not hide what a connection holds.
  const node = [process.execPath, "--expose-gc", "--max-semi-space-size=2", file, options];
  const [command = "", ...args] = [...prefix, ...node];
  const child = spawn(command, args, { stdio: ["ignore", "inherit", "pipe", "ipc"] });
  let complaints = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const waiting = new Map<number, (answer: ProcedureAnswer) => void>();
  let lastId = 0;
  let isAlive = true;
  child.on("message", (answer: ProcedureAnswer) => {
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  child.on("exit", (code, signal) => {
    isAlive = false;
    for (const [id, answer] of waiting) answer({ id, error: `${program} ended: ${signal ?? code}\n${complaints}` });
  });

  const answerOf = (id: number): Promise<ProcedureAnswer> => new Promise((resolve) => waiting.set(id, resolve));
  const { value: greeting, error } = await answerOf(0);
  if (error !== undefined) throw new Error(error);
  return {
    greeting: String(greeting),
    get isAlive() {
      return isAlive;
    },
    get complaints() {
      return complaints;
    },
    async call(name, argument) {
      if (!isAlive) throw new Error(`${program} is gone\n${complaints}`);
      lastId += 1;
      const answer = answerOf(lastId);
      child.send({ id: lastId, name, argument } satisfies ProcedureCall);
      const { value, error } = await answer;
      if (error !== undefined) throw new Error(error);
      return value as never;
    },
    stop: () => stop(child),
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
