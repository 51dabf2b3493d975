import { type FSWatcher, watch } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Timer } from "@meshwright/runtime";

// An editor writes, renames and touches: one reload serves them all.
const SETTLE_MS = 20;
// For changes that the system does not tell of, as on some network file systems.
const POLL_MS = 250;

/** Calls `onChange` after the files below a folder changed, until disposed. */
export function watchFolder(folder: string, clock: Clock, onChange: () => void): Disposable {
  let isDisposed = false;
  let settling: Timer | undefined;
  let polling: Timer | undefined;
  let watcher: FSWatcher | undefined;
  let last: string | undefined;

  const changed = (): void => {
    if (isDisposed) return;
    settling?.cancel();
    settling = clock.setTimer(SETTLE_MS, () => void settled());
  };
  const settled = async (): Promise<void> => {
    // The poll goes on from what is read now: it must notice when an event is missing that takes this change back.
    last = await fingerprint(folder);
    if (!isDisposed) onChange();
  };
  const poll = async (): Promise<void> => {
    const now = await fingerprint(folder);
    if (isDisposed) return;
    if (last !== undefined && now !== last) changed();
    last ??= now;
    polling = clock.setTimer(POLL_MS, () => void poll());
  };

  try {
    watcher = watch(folder, { recursive: true }, changed);
    watcher.on("error", () => watcher?.close());
  } catch {
    // No events to be had here: the poll finds every change, only later.
  }
  void poll();
  return {
    [Symbol.dispose]() {
      isDisposed = true;
      settling?.cancel();
      polling?.cancel();
      watcher?.close();
    },
  };
}

/** Names, sizes and times of the files, as one text. */
async function fingerprint(folder: string): Promise<string> {
  try {
    const names = (await readdir(folder, { recursive: true })).sort();
    const parts = await Promise.all(
      names.map(async (name) => {
        const { size, mtimeMs } = await stat(join(folder, name));
        return `${name} ${size} ${mtimeMs}`;
      }),
    );
    return parts.join("\n");
  } catch {
    // A file came or went between the looks; the next look sees a steady state.
    return "";
  }
}
