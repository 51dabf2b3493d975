// A well-behaved client of two servers, the attacked one and one that nobody attacks: node witness.js

import { serveProcedures } from "./procedures.js";
import { type CallStats, SteadyCalls } from "./steady-calls.js";

/** How the calls to each server went meanwhile. */
export interface WitnessStats {
  readonly attacked: CallStats;
  readonly control: CallStats;
}

/** Whom to call and how often each. */
export interface WitnessStart {
  readonly attacked: string;
  readonly control: string;
  readonly callsPerSecond: number;
}

/** What the witness can be asked. */
export type WitnessProcedures = {
  start(argument: WitnessStart): Promise<void>;
  /** How the calls went since it was last asked. */
  stats(argument: undefined): Promise<WitnessStats>;
};

let calls: readonly [attacked: SteadyCalls, control: SteadyCalls] | undefined;

const procedures: WitnessProcedures = {
  async start({ attacked, control, callsPerSecond }) {
    for (const each of calls ?? []) each.stop();
    calls = [new SteadyCalls(attacked), new SteadyCalls(control)];
    await Promise.all(calls.map((each) => each.start(callsPerSecond)));
  },
  async stats() {
    if (calls === undefined) throw new Error("start first");
    const [attacked, control] = await Promise.all([calls[0].stats(), calls[1].stats()]);
    return { attacked, control };
  },
};

serveProcedures(procedures, undefined);
