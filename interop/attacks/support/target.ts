import type { AttackedServerOptions, ServerProcedures } from "@meshwright/interop/attacks/server";
import type { WitnessProcedures, WitnessStats } from "@meshwright/interop/attacks/witness";
import { afterAll } from "vitest";
import { type Child, startChild } from "./child.js";

/** What a victim is started with. */
export interface TargetOptions extends AttackedServerOptions {
  /** A command before Node's. */
  readonly prefix?: readonly string[];
}

/** What any victim can be asked. */
export type VictimProcedures = Pick<ServerProcedures, "usage" | "watchMemory" | "memory">;

/** A process of ours under attack, and those who use it. */
export interface Target {
  /** Where the victim listens, if it does. */
  readonly address: string;
  readonly victim: Child<VictimProcedures>;
  /** Where the victim speaks TLS, if it does. */
  readonly tlsAddress: string;
  /** What its users see while nobody attacks. */
  readonly idle: Idle;
  /** How the calls of the victim's other users went, and those at a server of which no attacker knows. */
  userStats(): Promise<WitnessStats>;
  /** Waits until nothing is left of an attack. */
  settle(): Promise<void>;
}

/** What users see, and what they cost, while nobody attacks. */
export interface Idle {
  readonly p99Ms: number;
  /** CPU time of the victim for each millisecond of the clock, and for each call. */
  readonly cpuPerMs: number;
  readonly cpuMsPerCall: number;
}

const CALLS_PER_SECOND = 300;
// What a JIT compiler needs to know before times mean anything.
const WARM_UP_CALLS_PER_SECOND = 2000;
const WARM_UP_MS = 400;

const SETTLE_MS = 1000;
const IDLE_MS = 800;

let control: Promise<Child<ServerProcedures>> | undefined;
let witness: Promise<Child<WitnessProcedures>> | undefined;
/** The servers that run, by their options. */
const targets = new Map<string, Target>();
let watched: Target | undefined;

/** A server with these options; the one at hand, if it lives. */
export async function targetFor({ prefix, ...options }: TargetOptions): Promise<Target> {
  const key = JSON.stringify({ prefix, options });
  const known = targets.get(key);
  if (known?.victim.isAlive) {
    if (known !== watched) await (await startBystanders()).watch(known.address);
    watched = known;
    return known;
  }
  const server = await startChild<ServerProcedures>("server", {
    argument: options,
    ...(prefix === undefined ? {} : { prefix }),
  });
  const bystanders = await startBystanders();
  await bystanders.warmUp(server.greeting);
  const userStats = (): Promise<WitnessStats> => bystanders.witness.call("stats", undefined);
  const target: Target = {
    address: server.greeting,
    victim: server,
    tlsAddress: await server.call("tlsAddress", undefined),
    idle: await watchIdle(server, userStats),
    userStats,
    settle: () => settle(server),
  };
  targets.set(key, target);
  watched = target;
  return target;
}

/** What the victim's users see before anybody attacks. */
export async function watchIdle(
  victim: Child<VictimProcedures>,
  userStats: () => Promise<WitnessStats>,
): Promise<Idle> {
  await userStats();
  const before = await victim.call("usage", undefined);
  const startMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const after = await victim.call("usage", undefined);
  const elapsedMs = performance.now() - startMs;
  const { attacked } = await userStats();
  const cpuMs = after.cpuMs - before.cpuMs;
  return { p99Ms: attacked.p99Ms, cpuPerMs: cpuMs / elapsedMs, cpuMsPerCall: cpuMs / Math.max(1, attacked.calls) };
}

/** A server that nobody attacks, and a process that makes calls to it and to another one. */
export async function startBystanders(): Promise<Bystanders> {
  control ??= startChild<ServerProcedures>("server");
  witness ??= startChild<WitnessProcedures>("witness");
  const [server, user] = await Promise.all([control, witness]);
  const watch = (attacked: string): Promise<void> =>
    user.call("start", { attacked, control: server.greeting, callsPerSecond: CALLS_PER_SECOND });
  return {
    controlAddress: server.greeting,
    witness: user,
    watch,
    async warmUp(attacked) {
      await user.call("start", { attacked, control: server.greeting, callsPerSecond: WARM_UP_CALLS_PER_SECOND });
      await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
      await watch(attacked);
    },
  };
}

/** What {@link startBystanders} started. */
export interface Bystanders {
  readonly controlAddress: string;
  readonly witness: Child<WitnessProcedures>;
  /** Makes steady calls to a server, from now on. */
  watch(attacked: string): Promise<void>;
  /** The same, after so many calls that times mean something. */
  warmUp(attacked: string): Promise<void>;
}

/** Waits until no handler works for the attacker any more; the users' own calls are short. */
async function settle(server: Child<ServerProcedures>): Promise<void> {
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  await pause(50);
  for (const endMs = performance.now() + SETTLE_MS; performance.now() < endMs; await pause(10)) {
    if ((await server.call("usage", undefined)).active <= 1) return;
  }
}

afterAll(async () => {
  const bystanders = await Promise.all([control, witness]);
  await Promise.all([...targets.values()].map(({ victim }) => victim.stop()));
  await Promise.all(bystanders.map((child) => child?.stop()));
  control = undefined;
  witness = undefined;
  targets.clear();
});
