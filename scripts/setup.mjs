// Makes a fresh clone ready to run, and does nothing, fast, when it is: installs, generates, compiles.
//
// Only Node's built-ins are imported here: node_modules may not exist yet.
import { join } from "node:path";
import { CommandError, commandEvents, runQuietly, stopCommands } from "./setup/command.mjs";
import { hashOfContent } from "./setup/files.mjs";
import { whyInstallIsStale } from "./setup/install.mjs";
import { isLocked, takeLock } from "./setup/lock.mjs";
import { root } from "./setup/root.mjs";
import { isFresh, removeStamp, writeStamp } from "./setup/stamp.mjs";
import { npmCommand, steps } from "./setup/steps.mjs";

const cache = join(root, ".cache", "setup");
const lock = join(cache, "lock");

/** @param {string} name */
const stampFile = (name) => join(cache, `${name}.json`);

/** @param {string} text */
const print = (text) => process.stderr.write(text);

/**
 * Brings the workspace up to date. Safe to repeat, to interrupt and to run twice at the same time. What goes wrong is
 * a {@link CommandError}.
 *
 * @param {{ until?: "bindings" | "stubs" | "build", force?: boolean }} [options] `until` names the last step; `force`
 *   runs the steps even when nothing changed
 */
export async function setup({ until = "build", force = false } = {}) {
  const wanted = steps.slice(0, steps.findIndex((step) => step.name === until) + 1);
  if (!force && !isLocked(lock) && whyInstallIsStale(root) === undefined && wanted.every(isStepFresh)) return;

  const owned = await takeLock(lock, () => print("set-up: another set-up is at work here; waiting for it\n"));
  /** @param {number} pid */
  const onCommand = (pid) => owned.name(pid);
  let isInterrupted = false;
  /** @param {NodeJS.Signals} signal */
  const onSignal = (signal) => {
    isInterrupted = true;
    void stopCommands().then(() => {
      owned.giveBack();
      process.exit(signal === "SIGINT" ? 130 : 143);
    });
  };
  commandEvents.on("start", onCommand);
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    await install();
    for (const step of wanted) {
      if (!force && isStepFresh(step)) continue;
      if (!step.isNeeded()) continue;
      await timed(step.doing, async () => {
        const inputs = hashOfContent(step.inputs());
        removeStamp(stampFile(step.name));
        await step.run();
        writeStamp(stampFile(step.name), inputs, step.outputs());
      });
    }
  } catch (error) {
    // The command was stopped by us: `onSignal` ends the process.
    if (isInterrupted) await new Promise(() => undefined);
    throw error;
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    commandEvents.off("start", onCommand);
    owned.giveBack();
  }
}

/** @param {import("./setup/steps.mjs").Step} step */
function isStepFresh(step) {
  return !step.isNeeded() || isFresh(stampFile(step.name), step.inputs(), step.outputs());
}

async function install() {
  const why = whyInstallIsStale(root);
  if (why === undefined) return;
  await timed(`installing packages (${why})`, async () => {
    const options = ["--include=dev", "--include=optional", "--ignore-scripts", "--no-audit", "--no-fund"];
    await runQuietly([...npmCommand(), "ci", ...options, "--loglevel=error"], {
      advice:
        "Check that the package registry can be reached. When package.json was edited, run `npm install` to bring package-lock.json in step.",
    });
    const still = whyInstallIsStale(root);
    if (still !== undefined) {
      throw new CommandError(
        "the install is incomplete",
        `${still}\n`,
        "Remove node_modules, check npm's `omit` setting and run the command again.",
      );
    }
  });
}

/**
 * @param {string} doing
 * @param {() => Promise<void>} work
 */
async function timed(doing, work) {
  const startMs = performance.now();
  print(`set-up: ${doing} … `);
  const seconds = () => `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
  try {
    await work();
    print(`${seconds()}\n`);
  } catch (error) {
    print(`stopped after ${seconds()}\n`);
    throw error;
  }
}
