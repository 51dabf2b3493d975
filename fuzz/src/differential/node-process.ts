import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Outcome } from "./outcome.js";

const PROGRAM = fileURLToPath(new URL("node-main.js", import.meta.url));

/** What node-main.js is asked, many at a time. */
export interface NodeQuestion {
  readonly bytes: Uint8Array;
  readonly maxWaitMs: number;
}

/** node:http2 in a process of its own: some sequences break its memory, and then the process. */
export class NodeProcess implements AsyncDisposable {
  /** How often the process died. The sequence that broke it need not be the last one. */
  crashes = 0;
  #child: ChildProcess | undefined;

  /** What becomes of the bytes, each on a connection of its own; nothing when node did not survive them. */
  async ask(questions: readonly NodeQuestion[]): Promise<readonly Outcome[]> {
    const child = this.#child ?? (await this.#start());
    const ended = new AbortController();
    const died = once(child, "exit", { signal: ended.signal }).then(
      () => undefined,
      () => undefined,
    );
    const answered = once(child, "message", { signal: ended.signal }).then(
      ([outcomes]) => (outcomes as Outcome[]).map((outcome) => Object.assign(new Outcome(), outcome)),
      () => undefined,
    );
    child.send([...questions]);
    const outcomes = await Promise.race([answered, died]);
    ended.abort();
    return outcomes ?? [];
  }

  /** The same in a new process: what one says whose memory is broken means nothing. */
  async askAnew(question: NodeQuestion): Promise<Outcome | undefined> {
    await this[Symbol.asyncDispose]();
    const [outcome] = await this.ask([question]);
    return outcome;
  }

  /** Ends the process; the next question starts another. */
  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  async #start(): Promise<ChildProcess> {
    const child = fork(PROGRAM, { serialization: "advanced", stdio: ["ignore", "inherit", "ignore", "ipc"] });
    // A question that finds nobody is answered by the exit.
    child.on("error", () => {});
    const failed = once(child, "exit").then(([code]) => {
      throw new Error(`node:http2 did not start: exit code ${code}`);
    });
    // Later exits concern nobody here.
    failed.catch(() => {});
    child.on("exit", () => {
      // It may die at any time, also while nothing is asked.
      if (this.#child !== child) return;
      this.#child = undefined;
      this.crashes += 1;
    });
    await Promise.race([once(child, "message"), failed]);
    this.#child = child;
    return child;
  }
}
