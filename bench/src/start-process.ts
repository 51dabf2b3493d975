import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpus } from "node:os";

// Two processes that talk one at a time are several times faster when the scheduler happens to put them on one core,
// and it changes its mind from run to run. Every system gets the same places instead: a core for each side.
const canPin = process.platform === "linux" && cpus().length > 1 && spawnSync("taskset", ["--version"]).status === 0;

/** Starts a Node process that talks to this one, on a core of its own where the system can do that. */
export function startProcess(file: string, core: number, args: readonly string[]): ChildProcess {
  const node = [process.execPath, file, ...args];
  const [command = process.execPath, ...rest] = canPin ? ["taskset", "-c", String(core), ...node] : node;
  return spawn(command, rest, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
}
