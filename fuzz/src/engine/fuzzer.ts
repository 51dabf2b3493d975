import { setImmediate } from "node:timers/promises";
import type { Coverage, CoverageFigures } from "./coverage.js";
import { describeError, type Finding, findingKey, minimiseInput } from "./finding.js";
import { Mutator } from "./mutator.js";
import { Random } from "./random.js";
import type { SharedInput } from "./shared-input.js";
import { FEATURE_COUNT, type Target } from "./target.js";

const SMALLEST_BATCH = 64;
const LARGEST_BATCH = 16_384;
/** Of the batches, one in this many has its first execution read alone, for its counts. */
const COUNTED_BATCHES = 4;

/** What a {@link Fuzzer} is made of. */
export interface FuzzerInit {
  readonly target: Target;
  readonly seed: number;
  readonly corpus: readonly Uint8Array[];
  readonly shared: SharedInput;
  /** Absent: a blind run, for comparison. */
  readonly coverage: Coverage | undefined;
  /** Keep inputs for what a target notes as well, beside its coverage. */
  readonly usesFeatures: boolean;
}

/** How far a run is. */
export interface Progress {
  readonly execs: number;
  readonly corpus: readonly Uint8Array[];
  readonly coverage: CoverageFigures | undefined;
}

/**
 * The loop: mutates an entry of the corpus, runs it, and keeps what reached something new.
 *
 * Reading the coverage costs as much as hundreds of executions, so a batch of them is read at once; a batch with news is
 * run again by halves until the inputs that made them are found.
 */
export class Fuzzer {
  readonly #target: Target;
  readonly #shared: SharedInput;
  readonly #coverage: Coverage | undefined;
  readonly #random: Random;
  readonly #mutator: Mutator;
  readonly #entries: Uint8Array[] = [];
  readonly #slots: Buffer[] = [];
  readonly #lengths = new Uint32Array(LARGEST_BATCH);
  readonly #usesFeatures: boolean;
  readonly #features = new Uint8Array(FEATURE_COUNT);
  readonly #first: readonly Uint8Array[];
  #hasNewFeature = false;
  #execs = 0;
  #rejection: { readonly reason: unknown } | undefined;

  constructor({ target, seed, corpus, shared, coverage, usesFeatures }: FuzzerInit) {
    this.#usesFeatures = usesFeatures;
    this.#target = target;
    this.#shared = shared;
    this.#coverage = coverage;
    this.#random = new Random(seed);
    this.#mutator = new Mutator(this.#random, target);
    this.#first = [...target.seeds, ...corpus];
    const arena = Buffer.alloc(LARGEST_BATCH * target.maxInputBytes);
    for (let slot = 0; slot < LARGEST_BATCH; slot++) {
      this.#slots.push(arena.subarray(slot * target.maxInputBytes, (slot + 1) * target.maxInputBytes));
    }
  }

  get progress(): Progress {
    return { execs: this.#execs, corpus: this.#entries, coverage: this.#coverage?.figures };
  }

  /** An unhandled rejection came up; it belongs to the batch that ran last. */
  rejected(reason: unknown): void {
    this.#rejection ??= { reason };
  }

  /**
   * Runs until `maxExecs`, until it is stopped, or until something is found. `onBatch` is called now and then, between
   * executions.
   */
  async run(maxExecs: number, onBatch: () => void): Promise<Finding | undefined> {
    const finding = await this.#runFirst();
    if (finding !== undefined) return finding;
    let batch = SMALLEST_BATCH;
    for (let batches = 0; this.#execs < maxExecs && !this.#shared.isStopped; batches++) {
      const count = Math.min(batch, maxExecs - this.#execs);
      const found = await this.#runBatch(count, batches % COUNTED_BATCHES === 0);
      if (found !== undefined && typeof found === "object") return found;
      batch = found === true ? SMALLEST_BATCH : Math.min(2 * batch, LARGEST_BATCH);
      onBatch();
    }
    return undefined;
  }

  /** The seeds and the corpus: every one that adds to those before it is kept. */
  async #runFirst(): Promise<Finding | undefined> {
    const coverage = this.#coverage;
    coverage?.hasNews(coverage.read(), true);
    const first = [...this.#first].sort((a, b) => a.length - b.length);
    for (const input of first) {
      const length = Math.min(input.length, this.#target.maxInputBytes);
      (this.#slots[0] as Buffer).set(input.subarray(0, length));
      this.#lengths[0] = length;
      const finding = this.#runSlot(0) ?? (await this.#settle(0, 1));
      if (finding !== undefined) return finding;
      const reading = coverage?.read();
      const hasNews = reading !== undefined && coverage?.hasNews(reading, true) === true;
      const hasNewCounts = reading !== undefined && coverage?.hasNewCounts(reading) === true;
      if (hasNews || hasNewCounts || this.#hasNewFeature) this.#keep(0);
    }
    if (this.#entries.length === 0) this.#entries.push(...(first.length > 0 ? first : [new Uint8Array(1)]));
    return undefined;
  }

  /** Whether the batch reached new code, or what it found. */
  async #runBatch(count: number, countsFirst: boolean): Promise<boolean | Finding> {
    const coverage = this.#coverage;
    let hasNews = false;
    for (let slot = 0; slot < count; slot++) {
      this.#lengths[slot] = this.#mutator.mutate(this.#slots[slot] as Buffer, { entries: this.#entries });
      const finding = this.#runSlot(slot);
      if (finding !== undefined) return finding;
      if (this.#hasNewFeature) this.#keep(slot);
      if (slot === 0 && countsFirst && coverage !== undefined) {
        const reading = coverage.read();
        const isNews = coverage.hasNews(reading, true);
        if (coverage.hasNewCounts(reading) || isNews) this.#keep(0);
      }
    }
    const finding = await this.#settle(0, count);
    if (finding !== undefined) return finding;
    if (coverage !== undefined) {
      const reading = coverage.read();
      if (coverage.hasNews(reading, false)) {
        hasNews = true;
        const found = this.#search(0, count);
        if (found !== undefined) return found;
        // Whatever did not come again depends on more than one input; it is no news a second time.
        coverage.hasNews(reading, true);
      }
    }
    return hasNews;
  }

  /** Runs the slots from `start` to `end` again, by halves, to find which made the news. */
  #search(start: number, end: number): Finding | undefined {
    const coverage = this.#coverage as Coverage;
    if (end - start === 1) {
      const finding = this.#runSlot(start);
      const reading = coverage.read();
      coverage.hasNewCounts(reading);
      if (coverage.hasNews(reading, true)) this.#keep(start);
      return finding;
    }
    const middle = (start + end) >> 1;
    for (const [from, to] of [
      [start, middle],
      [middle, end],
    ] as const) {
      for (let slot = from; slot < to; slot++) {
        const finding = this.#runSlot(slot);
        if (finding !== undefined) return finding;
      }
      this.#shared.tick();
      if (coverage.hasNews(coverage.read(), false)) {
        const finding = this.#search(from, to);
        if (finding !== undefined) return finding;
      }
    }
    return undefined;
  }

  #keep(slot: number): void {
    this.#hasNewFeature = false;
    const entry = Uint8Array.prototype.slice.call(this.#slots[slot], 0, this.#lengths[slot]);
    this.#entries.push(entry);
  }

  #runSlot(slot: number): Finding | undefined {
    const input = this.#slots[slot] as Buffer;
    const length = this.#lengths[slot] as number;
    this.#hasNewFeature = false;
    this.#execs++;
    this.#shared.begin(input, length);
    try {
      this.#target.run(input, length, this.#note);
      return undefined;
    } catch (error) {
      return this.#finding("exception", error, input.subarray(0, length));
    }
  }

  readonly #note = (feature: number): void => {
    if (!this.#usesFeatures) return;
    const index = feature & (FEATURE_COUNT - 1);
    if (this.#features[index] !== 0) return;
    this.#features[index] = 1;
    this.#hasNewFeature = true;
  };

  /** Gives rejections of the slots their turn to come up. */
  async #settle(start: number, end: number): Promise<Finding | undefined> {
    await setImmediate();
    if (this.#rejection === undefined) return undefined;
    for (let slot = start; slot < end; slot++) {
      this.#rejection = undefined;
      const finding = this.#runSlot(slot);
      if (finding !== undefined) return finding;
      await setImmediate();
      const { reason } = (this.#rejection as { readonly reason: unknown } | undefined) ?? {};
      if (reason === undefined) continue;
      const input = Uint8Array.from((this.#slots[slot] as Buffer).subarray(0, this.#lengths[slot]));
      return { kind: "rejection", message: describeError(reason), input };
    }
    return undefined;
  }

  #finding(kind: Finding["kind"], error: unknown, bytes: Uint8Array): Finding {
    const key = findingKey(error);
    let last = error;
    const input = minimiseInput(Uint8Array.from(bytes), (candidate) => {
      const copy = Buffer.from(candidate);
      this.#shared.begin(copy, copy.length);
      try {
        this.#target.run(copy, copy.length, () => {});
        return false;
      } catch (caught) {
        if (findingKey(caught) !== key) return false;
        last = caught;
        return true;
      }
    });
    return { kind, message: describeError(last), input };
  }
}
