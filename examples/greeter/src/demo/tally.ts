// Enough for a 99th percentile, and a phase may last for days.
const KEPT_LATENCIES = 10_000;

/** What was seen of the calls of one phase. */
export class Tally {
  calls = 0;
  failed = 0;
  /** Answers by version. */
  readonly versions: Map<string, number> = new Map();
  /** Answers by process. */
  readonly instances: Map<string, number> = new Map();
  /** The last failure, for people. */
  lastFailure: string | undefined;
  readonly #latenciesMs: number[] = [];
  #open = 0;
  #watchers: { readonly isMet: () => boolean; readonly resolve: () => void }[] = [];

  /** A call began. */
  begun(): void {
    this.#open += 1;
  }

  /** A call was answered. */
  answered(version: string, instance: string, latencyMs: number): void {
    this.#latenciesMs[this.calls % KEPT_LATENCIES] = latencyMs;
    add(this.versions, version);
    add(this.instances, instance);
    this.#ended();
  }

  /** A call failed. */
  hasFailed(reason: string): void {
    this.failed += 1;
    this.lastFailure = reason;
    this.#ended();
  }

  /** Resolves when so many calls have ended. */
  reached(calls: number): Promise<void> {
    return this.#until(() => this.calls >= calls);
  }

  /** Resolves when every call that began has ended. */
  settled(): Promise<void> {
    return this.#until(() => this.#open === 0);
  }

  /** Share of the answers that came from `version`, 0 to 1. */
  share(version: string): number {
    const answered = this.calls - this.failed;
    return answered === 0 ? 0 : (this.versions.get(version) ?? 0) / answered;
  }

  /** The `fraction` quantile of the last latencies, in milliseconds; 0 when there is none. */
  latencyMs(fraction: number): number {
    const sorted = this.#latenciesMs.filter((value) => value !== undefined).sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? 0;
  }

  #ended(): void {
    this.#open -= 1;
    this.calls += 1;
    if (this.#watchers.length === 0) return;
    const met = this.#watchers.filter(({ isMet }) => isMet());
    if (met.length === 0) return;
    this.#watchers = this.#watchers.filter((watcher) => !met.includes(watcher));
    for (const { resolve } of met) resolve();
  }

  #until(isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve();
    return new Promise((resolve) => this.#watchers.push({ isMet, resolve }));
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
