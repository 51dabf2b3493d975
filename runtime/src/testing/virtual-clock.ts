import type { Clock, Timer } from "../base/clock.js";

/** A clock that stands still until it is advanced. */
export interface VirtualClock extends Clock {
  /** Moves the time and fires every timer that is due on the way, in order; settled promises run in between. */
  advance(byMs: number): Promise<void>;
  /** Timers that have neither fired nor been cancelled. */
  readonly pendingTimers: number;
}

interface Pending {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** Makes a {@link VirtualClock} that stands at 0. */
export function createVirtualClock(): VirtualClock {
  let nowMs = 0;
  const pending = new Set<Pending>();

  const nextDue = (untilMs: number): Pending | undefined => {
    let next: Pending | undefined;
    for (const timer of pending) {
      if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  };

  return {
    nowMs: () => nowMs,
    setTimer(delayMs, callback): Timer {
      const timer: Pending = { dueMs: nowMs + Math.max(0, delayMs), callback };
      pending.add(timer);
      return { cancel: () => pending.delete(timer) };
    },
    defer: (callback) => process.nextTick(callback),
    yield: (callback) => {
      setImmediate(callback);
    },
    async advance(byMs) {
      const untilMs = nowMs + byMs;
      await settle();
      for (let timer = nextDue(untilMs); timer !== undefined; timer = nextDue(untilMs)) {
        pending.delete(timer);
        nowMs = timer.dueMs;
        timer.callback();
        await settle();
      }
      nowMs = untilMs;
    },
    get pendingTimers() {
      return pending.size;
    },
  };
}

/** Lets promises and deferred callbacks run until nothing moves any more, within reason. */
async function settle(): Promise<void> {
  for (let round = 0; round < 20; round += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}
