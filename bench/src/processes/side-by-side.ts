import { fileURLToPath } from "node:url";
import { createControlPlane } from "@meshwright/control-plane";
import { type BenchRow, median, round } from "../result.js";
import { grpcGo } from "./grpc-go.js";
import type { FromClient, FromServer, System, TlsMaterial, ToClient, ToServer, Work } from "./protocol.js";
import { startProcess } from "./start-process.js";

/** One case of a bench. */
export interface Case {
  readonly name: string;
  readonly work: Work;
  /** So many calls, but for no longer than `warmupMs`. */
  readonly warmupCalls: number;
  readonly warmupMs: number;
  readonly measureMs: number;
}

/** What one run found of a case; CPU is per message of a stream, else per call. */
export interface Sample {
  readonly clientCpuUs: number;
  readonly serverCpuUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Messages of a stream, else calls. */
  readonly perSecond: number;
  readonly mbPerSecond: number;
}

/** The samples of a system in a case, run by run. */
export type Samples = ReadonlyMap<string, readonly Sample[]>;

/** What {@link measureSideBySide} measures. */
export interface Plan {
  readonly systems: readonly System[];
  readonly cases: readonly Case[];
  readonly runs: number;
  /** Goes to the names of the cases, such as "+tls". */
  readonly suffix?: string;
  readonly tls?: TlsMaterial;
  /** Whether ours goes through a mesh, with a control plane. */
  readonly isInMesh: boolean;
}

/** The key of a system and a case in {@link Samples}. */
export function sampleKey(system: System, name: string): string {
  return `${system} ${name}`;
}

/** Each system with its own client and its own server, a process each, one system after the other. */
export async function measureSystems(
  plan: Omit<Plan, "runs">,
  run: string,
  into: Map<string, Sample[]>,
): Promise<void> {
  for (const system of plan.systems) {
    process.stderr.write(`bench: ${run}, ${system}${plan.suffix ?? ""}\n`);
    for (const [name, sample] of await measureSystem(system, plan)) {
      const key = sampleKey(system, name);
      into.set(key, [...(into.get(key) ?? []), sample]);
    }
  }
}

async function measureSystem(system: System, plan: Omit<Plan, "runs">): Promise<Map<string, Sample>> {
  await using controlPlane =
    plan.isInMesh && system === "meshwright" ? await createControlPlane({ listen: "127.0.0.1:0" }) : undefined;
  const where = {
    system,
    ...(plan.tls === undefined ? {} : { tls: plan.tls }),
    ...(controlPlane === undefined ? {} : { controlPlane: controlPlane.address }),
  };
  await using server = startProcess<ToServer, FromServer>(commandOf(system, "server"), 0);
  await using client = startProcess<ToClient, FromClient>(commandOf(system, "client"), 1);
  const { address } = await server.ask({ kind: "serve", ...where }, "ready");
  await client.ask({ kind: "connect", ...where, address }, "connected");
  const found = new Map<string, Sample>();
  for (const { name, work, warmupCalls, warmupMs, measureMs } of plan.cases) {
    await client.ask({ kind: "warm-up", work, calls: warmupCalls, ms: warmupMs }, "warm");
    const before = await server.ask({ kind: "cpu" }, "cpu");
    const { report } = await client.ask({ kind: "measure", work, ms: measureMs }, "report");
    const after = await server.ask({ kind: "cpu" }, "cpu");
    const messages = report.calls * (work.kind === "unary" ? 1 : work.messages);
    const perSecond = (messages / report.elapsedMs) * 1_000;
    found.set(`${name}${plan.suffix ?? ""}`, {
      clientCpuUs: report.cpuUs / messages,
      serverCpuUs: (after.us - before.us) / messages,
      p50Us: report.p50Us,
      p99Us: report.p99Us,
      perSecond,
      mbPerSecond: (perSecond * work.payloadBytes) / 1e6,
    });
  }
  return found;
}

function commandOf(system: System, role: "client" | "server"): string[] {
  if (system === "grpc-go") return [grpcGo(), role];
  return [process.execPath, fileURLToPath(new URL(`./${role}.js`, import.meta.url))];
}

/** A row of the result: medians of `figures`. */
export function rowOf(system: System, name: string, samples: Samples, figures: readonly (keyof Sample)[]): BenchRow {
  const all = samples.get(sampleKey(system, name)) ?? [];
  const medians = figures.map((figure) => [figure, round(median(all.map((sample) => sample[figure])))]);
  return { system, case: name, ...(Object.fromEntries(medians) as Readonly<Record<string, number>>) };
}
