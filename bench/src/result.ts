/** One measured case of one system; figures carry their unit in the name. */
export type BenchRow = { readonly system: string; readonly case: string } & Readonly<Record<string, string | number>>;

/** Two figures against each other, and the goal for them. */
export interface BenchRatio {
  readonly name: string;
  readonly value: number;
  readonly goal: string;
  readonly holds: boolean;
}

/** What a bench found. */
export interface BenchResult {
  readonly rows: readonly BenchRow[];
  readonly ratios: readonly BenchRatio[];
}

/** What {@link ratioOf} compares. */
export interface Comparison<T> {
  readonly name: string;
  readonly ours: readonly T[];
  readonly theirs: readonly T[];
  readonly read: (sample: T) => number;
  /** The goal: the ratio is no more, or no less, than this. */
  readonly atMost?: number;
  readonly atLeast?: number;
  readonly goal: string;
}

/** Ratios are taken run by run and then their median: both sides of one saw the same machine. */
export function ratioOf<T>(comparison: Comparison<T>): BenchRatio {
  const { name, ours, theirs, read, goal } = comparison;
  const { atMost = Number.POSITIVE_INFINITY, atLeast = 0 } = comparison;
  const value = median(ours.map((sample, run) => read(sample) / read(theirs[run] as T)));
  return { name, value: round(value), goal, holds: value <= atMost && value >= atLeast };
}

/** The middle of some figures. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Rounded for people: three digits that matter. */
export function round(value: number): number {
  return Number(value.toPrecision(4));
}
