import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const SERVER = fileURLToPath(new URL("../server.js", import.meta.url));

/** One greeter process of the demo. */
export interface GreeterProcess {
  readonly name: string;
  readonly version: string;
  readonly isAlive: boolean;
}

/** The greeter processes: started, killed and ended by name. None outlives the demo. */
export class Greeters {
  readonly #controlPlane: string;
  readonly #children = new Map<string, { readonly version: string; readonly process: ChildProcess }>();

  constructor(controlPlane: string) {
    this.#controlPlane = controlPlane;
    // The last resort, for an exit that nobody planned.
    process.once("exit", () => this.#signalAll("SIGKILL"));
  }

  /** Every process that was started, by name. */
  list(): GreeterProcess[] {
    return [...this.#children].map(([name, { version, process }]) => ({ name, version, isAlive: isAlive(process) }));
  }

  /** Starts a process and waits until it serves and is registered. */
  async start(name: string, version: string): Promise<void> {
    const child = spawn(
      process.execPath,
      [SERVER, "--name", name, "--version", version, "--control-plane", this.#controlPlane],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#children.set(name, { version, process: child });
    let complaint = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint = (complaint + text).slice(-2_000);
    });
    const lines = createInterface({ input: child.stdout });
    const serving = (async () => {
      for await (const line of lines) if (line.includes(" serves on ")) return true;
      return false;
    })();
    const isServing = await Promise.race([serving, once(child, "exit").then(() => false)]);
    // What it prints later is not ours to keep, but an unread pipe would stop it.
    child.stdout.resume();
    if (!isServing) throw new Error(`${name} did not start: ${complaint.trim() || `exit code ${child.exitCode}`}`);
  }

  /** Kills a process without warning and waits until it is gone. */
  async kill(name: string): Promise<void> {
    const child = this.#children.get(name)?.process;
    if (child === undefined || !isAlive(child)) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  /** Ends every process in order. */
  async stop(): Promise<void> {
    const alive = [...this.#children.values()].map(({ process }) => process).filter(isAlive);
    const exits = alive.map((child) => once(child, "exit"));
    this.#signalAll("SIGTERM");
    await Promise.all(exits);
  }

  #signalAll(signal: NodeJS.Signals): void {
    for (const { process } of this.#children.values()) if (isAlive(process)) process.kill(signal);
  }
}

function isAlive(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
