import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const BEAT_MS = 1_000;
const STALE_MS = 15_000;
const RETRY_MS = 100;

/**
 * Takes the lock in `file`, waiting for its owner. The owner touches the file every second; a lock whose owner died, or
 * that was not touched for 15 s, is taken over. Returns the function that gives it back.
 *
 * @param {string} file
 * @param {(owner: string) => void} onWait called once when somebody else has it
 * @returns {Promise<() => void>}
 */
export async function takeLock(file, onWait) {
  mkdirSync(dirname(file), { recursive: true });
  const token = JSON.stringify({ pid: process.pid, host: hostname(), at: Date.now(), nonce: Math.random() });
  let hasToldAboutWaiting = false;
  while (!tryCreate(file, token)) {
    const owner = readText(file);
    if (owner === undefined) continue;
    if (isAbandoned(file, owner)) {
      breakLock(file, owner);
      continue;
    }
    if (!hasToldAboutWaiting) {
      hasToldAboutWaiting = true;
      onWait(owner);
    }
    await sleep(RETRY_MS);
  }
  const beat = setInterval(() => {
    // Somebody took it from a process that slept for long (a suspended laptop): do not beat for them.
    if (readText(file) === token) utimesSync(file, new Date(), new Date());
  }, BEAT_MS);
  beat.unref();
  return () => {
    clearInterval(beat);
    if (readText(file) === token) rmSync(file, { force: true });
  };
}

/**
 * True when somebody is at work under the lock.
 *
 * @param {string} file
 */
export function isLocked(file) {
  const owner = readText(file);
  return owner !== undefined && !isAbandoned(file, owner);
}

/**
 * @param {string} file
 * @param {string} token
 */
function tryCreate(file, token) {
  // Written aside and linked into place, so that nobody ever reads a lock without its owner.
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, token);
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * @param {string} file
 * @param {string} owner
 */
function isAbandoned(file, owner) {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (Date.now() - stat.mtimeMs > STALE_MS) return true;
  try {
    const { pid, host } = JSON.parse(owner);
    if (host !== hostname()) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM: alive, somebody else's. Anything else: no such process, or no lock of ours.
    return /** @type {NodeJS.ErrnoException} */ (error).code !== "EPERM";
  }
}

/**
 * Removes the lock of `owner`, and only theirs: two that break it at once must not remove the winner's new lock.
 *
 * @param {string} file
 * @param {string} owner
 */
function breakLock(file, owner) {
  const aside = `${file}.broken.${process.pid}`;
  try {
    renameSync(file, aside);
    if (readText(aside) !== owner) linkSync(aside, file);
  } catch {
    // Somebody was faster; the caller looks again.
  }
  rmSync(aside, { force: true });
}

/** @param {string} file */
function readText(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // Given back meanwhile.
    return undefined;
  }
}
