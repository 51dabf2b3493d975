import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the workspace; this file runs from interop/dist. */
export const root: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Where downloads and builds are kept between runs. */
export function cachePath(...names: readonly string[]): string {
  return join(root, ".cache", ...names);
}

/** A foreign tool is missing or did not do its work: what happened, and what to do about it. */
export class ToolError extends Error {}

export interface CommandOptions {
  readonly cwd?: string;
  readonly input?: string;
  /** Until the command is killed. Defaults to 5 minutes. */
  readonly timeoutMs?: number;
  /** What to do when there is no such command. */
  readonly advice: string;
}

export interface CommandResult {
  readonly code: number | null;
  /** What it printed to either stream, in order of arrival. */
  readonly output: string;
  /** What it printed to standard output alone. */
  readonly stdout: string;
}

/** Runs a foreign tool to its end. Throws a {@link ToolError} when it does not exist or is killed. */
export function run(command: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const [file = "", ...args] = command;
  const { cwd = root, input, timeoutMs = 300_000, advice } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, timeout: timeoutMs, stdio: ["pipe", "pipe", "pipe"] });
    const stdout: Buffer[] = [];
    const all: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => {
      stdout.push(chunk);
      all.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => all.push(chunk));
    // A tool may end before it has read everything; its exit code tells.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.on("error", (error: NodeJS.ErrnoException) => {
      reject(new ToolError(error.code === "ENOENT" ? `there is no ${file}: ${advice}` : `${file}: ${error.message}`));
    });
    child.on("close", (code, signal) => {
      const output = Buffer.concat(all).toString("utf8");
      if (signal === null) resolve({ code, output, stdout: Buffer.concat(stdout).toString("utf8") });
      else reject(new ToolError(`${command.join(" ")} was ended by ${signal}\n${output.slice(-4000)}`));
    });
  });
}

/** {@link run} for a command that must succeed. */
export async function runOrFail(command: readonly string[], options: CommandOptions): Promise<string> {
  const { code, output, stdout } = await run(command, options);
  if (code !== 0) throw new ToolError(`${command.join(" ")}: exit code ${code}\n${output.slice(-4000)}`);
  return stdout;
}
