import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { hashOfContent, hashOfTimes } from "./files.mjs";

/**
 * What a finished step leaves behind: a hash of what it read and one of what it wrote. As long as both still hold, the
 * step has nothing to do. A step that was interrupted leaves no stamp.
 *
 * @typedef {{ inputs: string, outputs: string }} Stamp
 */

/**
 * True when the stamp in `file` says that `outputs` were made from `inputs` and nobody touched either since.
 *
 * @param {string} file
 * @param {string[]} inputs
 * @param {string[]} outputs
 */
export function isFresh(file, inputs, outputs) {
  const stamp = readStamp(file);
  if (stamp === undefined || outputs.length === 0) return false;
  // A file may vanish between the listing and its reading while somebody else builds: then nothing is fresh.
  try {
    return stamp.outputs === hashOfTimes(outputs) && stamp.inputs === hashOfContent(inputs);
  } catch {
    return false;
  }
}

/**
 * Writes the stamp of a step that is done; in one go, so that an interruption leaves the old one or none.
 *
 * `inputs` is a hash taken before the step ran: an edit made meanwhile makes the next set-up run the step again.
 *
 * @param {string} file
 * @param {string} inputs
 * @param {string[]} outputs
 */
export function writeStamp(file, inputs, outputs) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.${process.pid}`, JSON.stringify({ inputs, outputs: hashOfTimes(outputs) }));
  renameSync(`${file}.${process.pid}`, file);
}

/** @param {string} file */
export function removeStamp(file) {
  rmSync(file, { force: true });
}

/**
 * @param {string} file
 * @returns {Stamp | undefined}
 */
function readStamp(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // None yet, or not one of ours: the step runs.
    return undefined;
  }
}
