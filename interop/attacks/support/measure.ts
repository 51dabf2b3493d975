import type { CallStats } from "@meshwright/interop/attacks/steady-calls";
import type { Usage } from "@meshwright/interop/attacks/usage";
import type { RawPeer } from "./raw-peer.js";
import type { Target } from "./target.js";

// What every attack must stay within. Each attack runs twice: once while the victim collects its garbage and counts
// what is left, and once undisturbed for the times.

/** Bytes that the victim may hold for the attacker, garbage not counted. */
const MAX_MEMORY_BYTES = 16 * 1024 * 1024;
/** The same in resident pages, with the garbage of a young generation and what the allocator keeps. */
const MAX_RSS_BYTES = 48 * 1024 * 1024;
/** CPU time of the victim for each unit of the attacker's… */
const MAX_AMPLIFICATION = 10;
/** …unless it is no more than this in all: bytes made beforehand cost next to nothing to send, so the ratio of one short
 * attack means nothing. 1,000 streams, which the budgets forgive, cost half of it or less; to cost more the attacker must
 * come again, with a connection each time. */
const FREE_CPU_MS = 200;
/** A call that reaches its handler is work that any user may ask for, however cheap the asking. For an attacker it may
 * cost this many times what it costs for the users of the same server. */
const MAX_CALL_PRICE = 2;
/** A user's p99 may grow to this many times what it is while nobody attacks, or what it is meanwhile at a server of which
 * no attacker knows: they share the processors of the machine, with attacker and tests… */
const MAX_SLOWDOWN = 2;
/** …and below this it is not judged: timers and schedulers are not more exact. */
const P99_FLOOR_MS = 10;

const SAMPLE_MS = 25;
/** What users see is judged over the time that an attack may last, however soon it ended… */
const WATCH_MS = 2000;
/** …but an attack that has cost less CPU time than this is over sooner: it took no more than one call in a hundred could
 * have noticed. */
const SHORT_WATCH_MS = 500;
const UNNOTICED_CPU_MS = 20;

/** One line of the table. */
export interface Measured {
  readonly outcome: string;
  readonly memoryMiB: number;
  readonly rssMiB: number;
  readonly victimCpuMs: number;
  readonly attackerCpuMs: number;
  readonly p99IdleMs: number;
  readonly p99Ms: number;
  readonly p99ControlMs: number;
  readonly maxMs: number;
  readonly failures: number;
  readonly complaints: readonly string[];
}

/** How an attack is run and judged. */
export interface Attacker {
  /** Attacks once; the peers get every connection of the attack, the first one first. */
  run(peers: RawPeer[]): Promise<void>;
  judge(peer: RawPeer): { readonly outcome: string; readonly complaint?: string };
  /** Most milliseconds until the first connection is closed; none when it may live. */
  readonly withinMs: number | undefined;
}

/** Runs an attack twice and says what it did. */
export async function measure(target: Target, attacker: Attacker): Promise<Measured> {
  const { victim } = target;
  const complaints = new Set<string>();

  await target.settle();
  await victim.call("watchMemory", SAMPLE_MS);
  const first = await run(target, attacker, complaints);
  const memory = await victim.call("memory", undefined);
  first.end();
  await target.settle();

  await target.userStats();
  const start = await victim.call("usage", undefined);
  const startMs = performance.now();
  const second = await run(target, attacker, complaints);
  await pause(SHORT_WATCH_MS - (performance.now() - startMs));
  let end = await victim.call("usage", undefined);
  let elapsedMs = performance.now() - startMs;
  const isNoticed = cpuOf(target, start, end, elapsedMs) > UNNOTICED_CPU_MS;
  if (isNoticed && elapsedMs < WATCH_MS) {
    await pause(WATCH_MS - elapsedMs);
    end = await victim.call("usage", undefined);
    elapsedMs = performance.now() - startMs;
  }
  const during = await target.userStats();
  second.end();

  const victimCpuMs = cpuOf(target, start, end, elapsedMs);
  const attackerCpuMs = second.cpuMs;
  const calls = Math.max(0, end.started - start.started - during.attacked.calls);
  const freeCpuMs = Math.max(FREE_CPU_MS, MAX_CALL_PRICE * target.idle.cpuMsPerCall * calls);
  if (victimCpuMs > Math.max(freeCpuMs, MAX_AMPLIFICATION * attackerCpuMs)) {
    const forCalls = calls > 0 ? `, ${calls} calls at ${round(target.idle.cpuMsPerCall * 1000)} us for users` : "";
    complaints.add(`CPU: ${round(victimCpuMs)} ms for ${round(attackerCpuMs)} ms of the attacker's${forCalls}`);
  }
  if (memory.peakBytes > MAX_MEMORY_BYTES) complaints.add(`memory: ${mib(memory.peakBytes)} MiB held`);
  if (memory.peakRssBytes > MAX_RSS_BYTES) complaints.add(`memory: ${mib(memory.peakRssBytes)} MiB resident`);
  judgeUsers(isNoticed ? target.idle.p99Ms : undefined, during.attacked, during.control, complaints);
  return {
    outcome: second.outcome,
    memoryMiB: mib(memory.peakBytes),
    rssMiB: mib(memory.peakRssBytes),
    victimCpuMs: round(victimCpuMs),
    attackerCpuMs: round(attackerCpuMs),
    p99IdleMs: round(target.idle.p99Ms),
    p99Ms: round(during.attacked.p99Ms),
    p99ControlMs: round(during.control.p99Ms),
    maxMs: round(during.attacked.maxMs),
    failures: during.attacked.failures,
    complaints: [...complaints],
  };
}

/** CPU time of the victim between two looks at it, that for its users not counted. */
function cpuOf({ idle }: Target, start: Usage, end: Usage, elapsedMs: number): number {
  return Math.max(0, end.cpuMs - start.cpuMs - idle.cpuPerMs * elapsedMs);
}

function judgeUsers(
  idleP99Ms: number | undefined,
  during: CallStats,
  control: CallStats,
  complaints: Set<string>,
): void {
  if (during.calls === 0) complaints.add("users: no calls");
  if (during.failures > 0) complaints.add(`users: ${during.failures} calls failed, the first with ${during.failure}`);
  if (idleP99Ms === undefined) return;
  const limitMs = Math.max(P99_FLOOR_MS, MAX_SLOWDOWN * idleP99Ms, MAX_SLOWDOWN * control.p99Ms);
  if (during.p99Ms <= limitMs) return;
  complaints.add(
    `users: p99 ${round(during.p99Ms)} ms, idle ${round(idleP99Ms)} ms, elsewhere ${round(control.p99Ms)} ms`,
  );
}

interface Ran {
  readonly outcome: string;
  readonly cpuMs: number;
  /** Ends what is left of the attack. */
  end(): void;
}

async function run(target: Target, { run, judge, withinMs }: Attacker, complaints: Set<string>): Promise<Ran> {
  const peers: RawPeer[] = [];
  const cpuBefore = process.cpuUsage();
  let failure: unknown;
  try {
    await run(peers);
  } catch (error) {
    failure = error;
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  const [first] = peers;
  if (first !== undefined && withinMs !== undefined) {
    await first.closed(Math.max(100, withinMs + 100 - first.nowMs()));
  }
  if (!target.victim.isAlive) complaints.add(`the victim is dead: ${target.victim.complaints}`);
  if (failure !== undefined) complaints.add(failure instanceof Error ? failure.message : String(failure));
  const { outcome, complaint } = first === undefined ? { outcome: "no connection" } : judge(first);
  if (complaint !== undefined) complaints.add(complaint);
  return {
    outcome,
    cpuMs: (user + system) / 1000,
    end: () => {
      for (const peer of peers) peer.destroy();
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

function mib(bytes: number): number {
  return round(bytes / (1024 * 1024));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
