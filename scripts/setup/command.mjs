import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { delimiter, join, sep } from "node:path";
import { root } from "./root.mjs";

/** A command that went wrong, with what it printed and what to do about it. */
export class CommandError extends Error {
  /**
   * @param {string} message
   * @param {string} output
   * @param {string} advice
   */
  constructor(message, output, advice) {
    super(message);
    this.output = output;
    this.advice = advice;
  }
}

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();

/** Tells the process id of every command that {@link runQuietly} starts, as `start`. */
export const commandEvents = new EventEmitter();

/** Ends the commands that run and waits until they are gone, so that nobody starts over beside them. */
export async function stopCommands() {
  const ends = [...running].map((child) => once(child, "close"));
  for (const child of running) child.kill("SIGTERM");
  const patience = setTimeout(() => {
    for (const child of running) child.kill("SIGKILL");
  }, 5_000);
  await Promise.all(ends);
  clearTimeout(patience);
}

/** The environment of every command: the installed tools come first. */
export function toolEnv() {
  const bin = join(root, "node_modules", ".bin");
  return { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` };
}

/**
 * Runs a command quietly; returns what it printed. Rejects with a {@link CommandError} when it fails.
 *
 * @param {readonly string[]} command
 * @param {{ cwd?: string, advice: string }} options
 * @returns {Promise<string>}
 */
export function runQuietly(command, { cwd = root, advice }) {
  const [file = "", ...args] = command;
  return new Promise((resolve, reject) => {
    /** @type {Buffer[]} */
    const chunks = [];
    const child = spawn(file, args, { cwd, env: toolEnv(), stdio: ["ignore", "pipe", "pipe"] });
    running.add(child);
    if (child.pid !== undefined) commandEvents.emit("start", child.pid);
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.stderr.on("data", (chunk) => chunks.push(chunk));
    child.on("error", (error) => chunks.push(Buffer.from(`${error.message}\n`)));
    child.on("close", (code, signal) => {
      running.delete(child);
      const output = Buffer.concat(chunks).toString("utf8");
      if (code === 0) resolve(output);
      else reject(new CommandError(`${shown(command)}: ${signal ?? `exit code ${code}`}`, output, advice));
    });
  });
}

/**
 * Runs a program on the terminal in place of this one: same input, output and signals. Resolves to its exit code.
 *
 * @param {readonly string[]} command
 * @returns {Promise<number>}
 */
export function runInForeground(command) {
  const [file = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: root, env: toolEnv(), stdio: "inherit" });
    // A terminal sends Ctrl-C to both; this process stays until the program has cleaned up. Others send it to us alone.
    process.on("SIGINT", () => undefined);
    for (const signal of /** @type {const} */ (["SIGTERM", "SIGHUP"])) process.on(signal, () => child.kill(signal));
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 143)));
  });
}

/** @param {readonly string[]} command */
function shown(command) {
  return command.map((word) => (word === process.execPath ? "node" : word.replace(`${root}${sep}`, ""))).join(" ");
}
