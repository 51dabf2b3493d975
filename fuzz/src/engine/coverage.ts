import inspector from "node:inspector";

type Reading = readonly inspector.Profiler.ScriptCoverage[];

interface KnownFunction {
  readonly url: string;
  readonly byteCount: number;
  /** Parts of it that no execution reached: start, end, start, end. */
  missing: number[];
}

/** What has been reached so far. */
export interface CoverageFigures {
  readonly functions: number;
  /** Source bytes of these functions that were reached, and of all of them. */
  readonly coveredBytes: number;
  readonly totalBytes: number;
}

/**
 * V8's block coverage of some scripts, as feedback. Must be started before the scripts are loaded: functions compiled
 * earlier count no blocks.
 *
 * V8 leaves out ranges that were run as often as what surrounds them, so a range that appears says nothing. What counts
 * is what is *not* reached: the ranges with a count of 0, which only ever get fewer.
 */
export class Coverage {
  readonly #session = new inspector.Session();
  readonly #covers: readonly string[];
  readonly #isCovered = new Map<string, boolean>();
  readonly #functions = new Map<string, KnownFunction>();
  readonly #buckets = new Set<string>();

  constructor(covers: readonly string[]) {
    this.#covers = covers;
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** What was run since the last reading. */
  read(): Reading {
    let reading: Reading = [];
    this.#session.post("Profiler.takePreciseCoverage", (error, found) => {
      if (error !== null) throw error;
      reading = found.result;
    });
    return reading;
  }

  /** Whether `reading` reached a block that none before had. With `merge`, it is known from now on. */
  hasNews(reading: Reading, merge: boolean): boolean {
    let isNews = false;
    for (const { url, scriptId, functions } of reading) {
      if (!this.#counts(url)) continue;
      for (const { ranges } of functions) {
        const outer = ranges[0];
        if (outer === undefined || outer.count === 0) continue;
        const key = `${scriptId}:${outer.startOffset}:${outer.endOffset}`;
        const known = this.#functions.get(key);
        if (known === undefined) {
          if (!merge) return true;
          isNews = true;
          const byteCount = outer.endOffset - outer.startOffset;
          this.#functions.set(key, { url, byteCount, missing: missingOf(ranges) });
        } else if (known.missing.length > 0) {
          const missing = intersect(known.missing, missingOf(ranges));
          if (byteCountOf(missing) === byteCountOf(known.missing)) continue;
          if (!merge) return true;
          isNews = true;
          known.missing = missing;
        }
      }
    }
    return isNews;
  }

  /** Whether a single execution ran something by an order of magnitude more or less often than any before it. */
  hasNewCounts(reading: Reading): boolean {
    let isNews = false;
    for (const { url, scriptId, functions } of reading) {
      if (!this.#counts(url)) continue;
      for (const { ranges } of functions) {
        const outer = ranges[0];
        if (outer === undefined || outer.count === 0) continue;
        const key = `${scriptId}:${outer.startOffset}:${Math.floor(Math.log2(outer.count))}`;
        if (this.#buckets.has(key)) continue;
        this.#buckets.add(key);
        isNews = true;
      }
    }
    return isNews;
  }

  get figures(): CoverageFigures {
    let totalBytes = 0;
    let missingBytes = 0;
    for (const { byteCount, missing } of this.#functions.values()) {
      totalBytes += byteCount;
      missingBytes += byteCountOf(missing);
    }
    return { functions: this.#functions.size, coveredBytes: totalBytes - missingBytes, totalBytes };
  }

  /** What was not reached inside the functions that were, for people who want to know what an input lacks. */
  get missing(): readonly string[] {
    const lines: string[] = [];
    for (const { url, missing } of this.#functions.values()) {
      for (let index = 0; index < missing.length; index += 2)
        lines.push(`${url}:${missing[index]}-${missing[index + 1]}`);
    }
    return lines;
  }

  #counts(url: string): boolean {
    let counts = this.#isCovered.get(url);
    if (counts === undefined) {
      counts = this.#covers.some((part) => url.includes(part));
      this.#isCovered.set(url, counts);
    }
    return counts;
  }
}

function missingOf(ranges: readonly inspector.Profiler.CoverageRange[]): number[] {
  const missing: number[] = [];
  for (const { startOffset, endOffset, count } of ranges) {
    if (count > 0 || startOffset < (missing.at(-1) ?? 0)) continue;
    missing.push(startOffset, endOffset);
  }
  return missing;
}

/** The common parts of two ascending lists of ranges. */
export function intersect(left: readonly number[], right: readonly number[]): number[] {
  const common: number[] = [];
  for (let a = 0, b = 0; a < left.length && b < right.length; ) {
    const start = Math.max(left[a] as number, right[b] as number);
    const end = Math.min(left[a + 1] as number, right[b + 1] as number);
    if (start < end) common.push(start, end);
    if ((left[a + 1] as number) < (right[b + 1] as number)) a += 2;
    else b += 2;
  }
  return common;
}

function byteCountOf(ranges: readonly number[]): number {
  let sum = 0;
  for (let index = 0; index < ranges.length; index += 2)
    sum += (ranges[index + 1] as number) - (ranges[index] as number);
  return sum;
}
