import type { Clock } from "./clock.js";

/**
 * Bounds how long work of one kind goes on within one turn of the event loop. Promises and `process.nextTick` run on
 * before any IO does, so work that goes on by them keeps everybody else waiting until it has an end of its own.
 */
export class WorkTurn {
  readonly #clock: Clock;
  readonly #maxTurnMs: number;
  readonly #piecesPerLook: number;
  #pieces = 0;
  /** When the turn's work was first looked at; undefined when there was none. */
  #beganMs: number | undefined;
  #isOver = false;
  #next = new Set<() => void>();
  readonly #onYield = (): void => {
    const next = this.#next;
    this.#next = new Set();
    this.#beganMs = undefined;
    this.#isOver = false;
    for (const callback of next) callback();
  };

  /** `piecesPerLook`: the clock is asked once for so many pieces of work, which is for small ones. Defaults to 1. */
  constructor(clock: Clock, maxTurnMs: number, piecesPerLook = 1) {
    this.#clock = clock;
    this.#maxTurnMs = maxTurnMs;
    this.#piecesPerLook = piecesPerLook;
  }

  /** Ask before, or after, each piece of work: true when the next one has to wait for {@link WorkTurn.next}. */
  isOver(): boolean {
    if (this.#isOver) return true;
    this.#pieces += 1;
    if (this.#pieces < this.#piecesPerLook) return false;
    this.#pieces = 0;
    const nowMs = this.#clock.nowMs();
    if (this.#beganMs === undefined) {
      this.#beganMs = nowMs;
      this.#clock.yield(this.#onYield);
    } else {
      this.#isOver = nowMs - this.#beganMs > this.#maxTurnMs;
    }
    return this.#isOver;
  }

  /** Runs `callback`, once however often it is given, after others had their turn. Only while the turn is over. */
  next(callback: () => void): void {
    this.#next.add(callback);
  }
}
