import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

const SKIPPED_FOLDERS = new Set(["node_modules", ".git", ".cache"]);

/**
 * The files at and below `path`, in a stable order, without those of node_modules, .git and .cache. A path that does
 * not exist has none.
 *
 * @param {string} path
 * @param {(name: string, isFolder: boolean) => boolean} [keep] false leaves a file or a whole folder out
 * @returns {string[]}
 */
export function filesBelow(path, keep = () => true) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory()) return [path];
  const files = [];
  const entries = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (SKIPPED_FOLDERS.has(entry.name) || !keep(entry.name, entry.isDirectory())) continue;
    if (entry.isDirectory()) files.push(...filesBelow(join(path, entry.name), keep));
    else files.push(join(path, entry.name));
  }
  return files;
}

/**
 * A hash of what is in `files`: changes when a file is added, removed, renamed or gets other content.
 *
 * @param {string[]} files
 * @returns {string}
 */
export function hashOfContent(files) {
  const hash = createHash("sha256");
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(file)).update("\0");
  return hash.digest("hex");
}

/**
 * A hash of names, sizes and times: for files that nobody edits, where reading every one would cost too much.
 *
 * @param {string[]} files
 * @returns {string}
 */
export function hashOfTimes(files) {
  const hash = createHash("sha256");
  for (const file of files) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${file}\0${size}\0${mtimeMs}\0`);
  }
  return hash.digest("hex");
}
