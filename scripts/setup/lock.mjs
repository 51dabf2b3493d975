import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const BEAT_MS = 1_000;
const STALE_MS = 15_000;
const ORPHAN_MS = 300_000;
const RETRY_MS = 100;

/**
 * The lock, as its owner holds it. `name` adds a process that works for the owner: when the owner is killed, that one
 * goes on alone, and the lock holds until it ends. `giveBack` ends it all.
 *
 * @typedef {{ name: (pid: number) => void, giveBack: () => void }} OwnedLock
 */

/**
 * Takes the lock in `file`, waiting for its owner. The owner touches the file every second. A lock is taken over when
 * its owner and the process that works for it died, or when nobody touched it for 15 s although the owner seems alive:
 * then it is on another machine, or the id belongs to another process by now.
 *
 * @param {string} file
 * @param {() => void} onWait called once when somebody else has it
 * @returns {Promise<OwnedLock>}
 */
export async function takeLock(file, onWait) {
  mkdirSync(dirname(file), { recursive: true });
  const owner = { pid: process.pid, host: hostname(), nonce: randomUUID() };
  const isMine = () => readOwner(readText(file))?.nonce === owner.nonce;
  let hasToldAboutWaiting = false;
  while (!tryCreate(file, JSON.stringify(owner))) {
    const text = readText(file);
    if (text === undefined) continue;
    if (isAbandoned(file, text)) {
      breakLock(file, text);
      continue;
    }
    if (!hasToldAboutWaiting) {
      hasToldAboutWaiting = true;
      onWait();
    }
    await sleep(RETRY_MS);
  }
  const beat = setInterval(() => {
    // Somebody took it from a process that slept for long (a suspended laptop): do not beat for them.
    if (isMine()) utimesSync(file, new Date(), new Date());
  }, BEAT_MS);
  beat.unref();
  return {
    name(pid) {
      if (!isMine()) return;
      writeFileSync(`${file}.${process.pid}`, JSON.stringify({ ...owner, worker: pid }));
      renameSync(`${file}.${process.pid}`, file);
    },
    giveBack() {
      clearInterval(beat);
      if (isMine()) rmSync(file, { force: true });
    },
  };
}

/**
 * True when somebody is at work under the lock.
 *
 * @param {string} file
 */
export function isLocked(file) {
  const text = readText(file);
  return text !== undefined && !isAbandoned(file, text);
}

/**
 * @param {string} file
 * @param {string} text
 */
function tryCreate(file, text) {
  // Written aside and linked into place, so that nobody ever reads a lock without its owner.
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text);
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
 * @param {string} text
 */
function isAbandoned(file, text) {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  const isSilent = Date.now() - stat.mtimeMs > STALE_MS;
  const owner = readOwner(text);
  if (owner === undefined || owner.host !== hostname()) return isSilent;
  if (isAlive(owner.pid)) return isSilent;
  return owner.worker === undefined || !isAlive(owner.worker) || Date.now() - stat.mtimeMs > ORPHAN_MS;
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: alive, somebody else's.
    return /** @type {NodeJS.ErrnoException} */ (error).code === "EPERM";
  }
}

/**
 * @param {string | undefined} text
 * @returns {{ pid: number, host: string, nonce: string, worker?: number } | undefined}
 */
function readOwner(text) {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    // Not one of ours.
    return undefined;
  }
}

/**
 * Removes the lock that says `text`, and only that one: two that break it at once must not remove the winner's new lock.
 *
 * @param {string} file
 * @param {string} text
 */
function breakLock(file, text) {
  const aside = `${file}.broken.${process.pid}`;
  try {
    renameSync(file, aside);
    if (readText(aside) !== text) linkSync(aside, file);
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
