/** Marks that an execution did something worth remembering; features are numbers below {@link FEATURE_COUNT}. */
export type Note = (feature: number) => void;

/** Features that a target may note beside the coverage of its code. */
export const FEATURE_COUNT = 65_536;

/** What is fuzzed. A module that exports one as `target` can be named on the command line. */
export interface Target {
  readonly name: string;
  readonly maxInputBytes: number;
  /** Parts of script URLs whose blocks count as coverage. */
  readonly covers: readonly string[];
  /** Byte strings that mean something to the code. */
  readonly dictionary: readonly Uint8Array[];
  /** Inputs to start from, beside the corpus. */
  readonly seeds: readonly Uint8Array[];
  /**
   * Where an input may be cut into pieces that mean something alone: writes the end of each to `ends`, as far as there
   * is room, and returns how many there are. Targets without it are mutated as plain bytes.
   */
  split?(input: Uint8Array, length: number, ends: Uint32Array): number;
  /**
   * One execution on `input` up to `length`. Whatever it throws is a finding. Must depend on its input alone: a finding
   * is run again to make it small.
   */
  run(input: Buffer, length: number, note: Note): void;
}
