import type { Greeters } from "./greeters.js";
import type { Tally } from "./tally.js";
import type { Traffic } from "./traffic.js";
import { routeName, type Split, writeVirtualService } from "./virtual-service.js";

/** One phase, as the summary shows it. */
export interface PhaseResult {
  readonly name: string;
  readonly calls: number;
  readonly failed: number;
  /** Shares by version, 0 to 1. Absent in a phase that is not about a split. */
  readonly configured?: Readonly<Record<string, number>>;
  readonly observed: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** What did not hold. */
  readonly complaints: readonly string[];
}

/** The phase under way, for the picture. */
export interface PhaseView {
  readonly name: string;
  readonly configured: Readonly<Record<string, number>> | undefined;
  readonly goalCalls: number;
}

/** What the script works with. */
export interface Stage {
  readonly meshFolder: string;
  readonly traffic: Traffic;
  readonly greeters: Greeters;
  /** Calls per phase. */
  readonly callsPerPhase: number;
  /** Longest wait for anything, in milliseconds. */
  readonly patienceMs: number;
  /** A phase begins. */
  onPhase(phase: PhaseView): void;
  /** A phase ended. */
  onResult(result: PhaseResult): void;
}

/** What the script saw. */
export interface ScriptResult {
  readonly phases: readonly PhaseResult[];
  /** Milliseconds from each write of the YAML to the first call that followed it. */
  readonly propagationMs: readonly number[];
}

/** A change in the YAML reaches the next call within this time. */
export const PROPAGATION_GOAL_MS = 500;

const CANARY: readonly { readonly name: string; readonly split: Split }[] = [
  { name: "canary 90/10", split: { v1: 90, v2: 10 } },
  { name: "half and half", split: { v1: 50, v2: 50 } },
  { name: "all on v2", split: { v1: 0, v2: 100 } },
];

/** Plays the canary, the header route, the kill and the return. */
export async function play(stage: Stage): Promise<ScriptResult> {
  const phases: PhaseResult[] = [];
  const propagationMs: number[] = [];
  const record = (result: PhaseResult): void => {
    phases.push(result);
    stage.onResult(result);
  };

  record(await splitPhase(stage, "all on v1", { v1: 100, v2: 0 }));
  for (const { name, split } of CANARY) {
    propagationMs.push(await shift(stage, split));
    record(await splitPhase(stage, name, split));
  }

  propagationMs.push(await shift(stage, { v1: 100, v2: 0 }));
  record(await headerPhase(stage));

  propagationMs.push(await shift(stage, { v1: 50, v2: 50 }));
  const victim = "greeter-v2-b";
  record(
    await disturbedPhase(
      stage,
      `kill ${victim}`,
      () => stage.greeters.kill(victim),
      (tally) => {
        const late = tally.instances.get("greeter-v2-a") ?? 0;
        return late === 0 ? ["no call reached the other v2 process"] : [];
      },
    ),
  );
  record(
    await disturbedPhase(
      stage,
      `return of ${victim}`,
      () => stage.greeters.start(victim, "v2"),
      (tally) => {
        return (tally.instances.get(victim) ?? 0) === 0 ? [`no call reached ${victim} after its return`] : [];
      },
    ),
  );
  return { phases, propagationMs };
}

/** Rewrites the VirtualService and waits for the first call that follows it. */
async function shift(stage: Stage, split: Split): Promise<number> {
  const routed = stage.traffic.routed(routeName(split));
  const writtenAt = performance.now();
  await writeVirtualService(stage.meshFolder, split);
  return (await within(stage, routed, `a call that follows ${routeName(split)}`)) - writtenAt;
}

async function splitPhase(stage: Stage, name: string, split: Split): Promise<PhaseResult> {
  const configured = { v1: split.v1 / 100, v2: split.v2 / 100 };
  const tally = await countCalls(stage, { name, configured, goalCalls: stage.callsPerPhase });
  return result(name, tally, configured);
}

async function headerPhase(stage: Stage): Promise<PhaseResult> {
  const name = "user: admin on v2";
  const configured = { v1: 0, v2: 1 };
  const tally = await countCalls(stage, { name, configured, goalCalls: stage.callsPerPhase }, { user: "admin" });
  return result(name, tally, configured);
}

/** A phase in which something happens to the processes while the calls go on. */
async function disturbedPhase(
  stage: Stage,
  name: string,
  disturb: () => Promise<void>,
  check: (tally: Tally) => string[],
): Promise<PhaseResult> {
  const view = { name, configured: undefined, goalCalls: stage.callsPerPhase };
  stage.onPhase(view);
  const before = stage.traffic.begin();
  await disturb();
  await reach(stage, before, stage.callsPerPhase);
  const outcome = result(name, before, undefined);
  return { ...outcome, complaints: [...outcome.complaints, ...check(before)] };
}

async function countCalls(stage: Stage, view: PhaseView, headers: Record<string, string> = {}): Promise<Tally> {
  stage.onPhase(view);
  const tally = stage.traffic.begin(headers);
  await reach(stage, tally, view.goalCalls);
  return tally;
}

/** Waits until a tally has counted enough, ends it, and waits for the calls that it began: none escapes the count. */
async function reach(stage: Stage, tally: Tally, calls: number): Promise<void> {
  await within(stage, tally.reached(calls), `${calls} calls`);
  stage.traffic.begin();
  await within(stage, tally.settled(), "the last calls of a phase");
}

async function within<T>(stage: Stage, work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const { lastFailure } = stage.traffic.tally;
      reject(
        new Error(
          `waited ${stage.patienceMs} ms for ${what}` +
            (lastFailure === undefined ? "" : `; last failure: ${lastFailure}`),
        ),
      );
    }, stage.patienceMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function result(name: string, tally: Tally, configured: Readonly<Record<string, number>> | undefined): PhaseResult {
  const observed = { v1: round(tally.share("v1")), v2: round(tally.share("v2")) };
  const complaints: string[] = [];
  if (tally.failed > 0) complaints.push(`${tally.failed} calls failed: ${tally.lastFailure}`);
  for (const [version, expected] of Object.entries(configured ?? {})) {
    const seen = tally.share(version);
    // Three standard deviations of a binomial share: a correct split leaves them once in 370 tries.
    const allowed = 3 * Math.sqrt((expected * (1 - expected)) / tally.calls);
    if (Math.abs(seen - expected) > allowed) {
      complaints.push(`${version} got ${round(seen)} of the calls, configured ${expected} ± ${round(allowed)}`);
    }
  }
  return {
    name,
    calls: tally.calls,
    failed: tally.failed,
    ...(configured === undefined ? {} : { configured }),
    observed,
    p50Ms: round(tally.latencyMs(0.5)),
    p99Ms: round(tally.latencyMs(0.99)),
    complaints,
  };
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
