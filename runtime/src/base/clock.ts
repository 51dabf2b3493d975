/**
 * Time as the runtime sees it. Everything that waits or reads the time takes a `Clock`, so that a test can drive it.
 *
 * Times are monotonic milliseconds from an arbitrary start: a jump of the wall clock moves no deadline.
 */
export interface Clock {
  /** Milliseconds since an arbitrary start, monotonic, with fractions. */
  nowMs(): number;
  /** Runs `callback` once after `delayMs` milliseconds. A pending timer does not keep the process alive. */
  setTimer(delayMs: number, callback: () => void): Timer;
  /** Runs `callback` after the current turn and every microtask that it queued, before any further IO. */
  defer(callback: () => void): void;
  /** Runs `callback` after pending IO had its turn: long work gives way to others. */
  yield(callback: () => void): void;
}

/** A pending timer. */
export interface Timer {
  /** Stops the timer; after the first call, or after it fired, nothing happens. */
  cancel(): void;
}

// setTimeout fires at once for longer delays (2^31 - 1 ms is its limit), so longer ones are re-armed.
const MAX_DELAY_MS = 0x7fffffff;

/** The process's own clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  setTimer(delayMs, callback) {
    let handle: NodeJS.Timeout;
    const arm = (remainingMs: number): void => {
      const stepMs = Math.min(remainingMs, MAX_DELAY_MS);
      handle = setTimeout(() => (remainingMs > stepMs ? arm(remainingMs - stepMs) : callback()), stepMs);
      handle.unref();
    };
    arm(Math.max(0, delayMs));
    return { cancel: () => clearTimeout(handle) };
  },
  defer: (callback) => process.nextTick(callback),
  yield: (callback) => {
    setImmediate(callback);
  },
};
