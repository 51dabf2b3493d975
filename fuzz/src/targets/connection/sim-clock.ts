import type { Clock, Timer } from "@meshwright/runtime/wire";
import { check } from "../../input-reader.js";

const MAX_CALLBACKS = 20_000;

class SimTimer implements Timer {
  callback: (() => void) | undefined;
  readonly atMs: number;

  constructor(atMs: number, callback: () => void) {
    this.atMs = atMs;
    this.callback = callback;
  }

  cancel(): void {
    this.callback = undefined;
  }
}

/** Time that moves when it is told to, at once. */
export class SimClock implements Clock {
  #nowMs = 1000;
  #timers: SimTimer[] = [];
  #deferred: (() => void)[] = [];
  /** What waits for the turn after this one. */
  #yielded: (() => void)[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    check(delayMs >= 0 && !Number.isNaN(delayMs), `a timer of ${delayMs} ms`);
    const timer = new SimTimer(this.#nowMs + delayMs, callback);
    this.#timers.push(timer);
    return timer;
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  yield(callback: () => void): void {
    this.#yielded.push(callback);
  }

  /** Timers that wait. */
  get pending(): number {
    let count = 0;
    for (const timer of this.#timers) if (timer.callback !== undefined) count++;
    return count;
  }

  /** The end of a turn: runs what was deferred to it, and what an earlier turn gave way with. */
  endTurn(): void {
    this.#deferred.push(...this.#yielded);
    this.#yielded = [];
    for (let calls = 0; this.#deferred.length > 0; calls++) {
      check(calls < MAX_CALLBACKS, "deferred work defers more without end");
      (this.#deferred.shift() as () => void)();
    }
  }

  /** Fires what falls due within `byMs`, in order, each in a turn of its own. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (let calls = 0; ; calls++) {
      check(calls < MAX_CALLBACKS, "timers without end");
      let next: SimTimer | undefined;
      for (const timer of this.#timers) {
        if (timer.callback === undefined || timer.atMs > endMs) continue;
        if (next === undefined || timer.atMs < next.atMs) next = timer;
      }
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      const { callback } = next;
      next.cancel();
      callback?.();
      this.endTurn();
      if (this.#timers.length > 64) this.#timers = this.#timers.filter((timer) => timer.callback !== undefined);
    }
    this.#nowMs = endMs;
  }
}
