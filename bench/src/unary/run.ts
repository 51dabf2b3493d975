import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createControlPlane } from "@meshwright/control-plane";
import { type BenchRatio, type BenchResult, type BenchRow, median, round } from "../result.js";
import { startProcess } from "../start-process.js";
import type { ClientReport, FromClient, FromServer, System, ToClient, ToServer } from "./protocol.js";

const SYSTEMS: readonly System[] = ["meshwright", "grpc-js", "connect-node", "node:net"];
const CASES = [
  { name: "unary/1", inFlight: 1, warmupCalls: 3_000, calls: 4_000 },
  { name: "unary/64", inFlight: 64, warmupCalls: 10_000, calls: 15_000 },
] as const;

interface Sample extends ClientReport {
  readonly serverCpuUs: number;
  readonly perSecond: number;
}

/** Unary calls: ours through the mesh, routed and balanced, beside its peers; each client and server in its process. */
export async function runUnary(runs: number): Promise<BenchResult> {
  const samples = new Map<string, Sample[]>();
  // System after system in each run, so that a slow moment of the machine hits all of them alike.
  for (let run = 0; run < runs; run += 1) {
    for (const { name, ...load } of CASES) {
      for (const system of SYSTEMS) {
        process.stderr.write(`bench: run ${run + 1} of ${runs}, ${name}, ${system}\n`);
        const key = `${system} ${name}`;
        samples.set(key, [...(samples.get(key) ?? []), await measureOnce(system, load)]);
      }
    }
  }
  const rows = CASES.flatMap(({ name }) =>
    SYSTEMS.map((system) => rowOf(system, name, samples.get(`${system} ${name}`) ?? [])),
  );
  return { rows, ratios: ratiosOf(samples) };
}

async function measureOnce(system: System, load: Omit<(typeof CASES)[number], "name">): Promise<Sample> {
  await using controlPlane = system === "meshwright" ? await createControlPlane({ listen: "127.0.0.1:0" }) : undefined;
  const server = start("./server.js", 0, [system, controlPlane?.address ?? ""]);
  const client = start("./client.js", 1, []);
  try {
    const ready = await next<Extract<FromServer, { kind: "ready" }>>(server, "ready");
    const address = controlPlane?.address ?? ready.address;
    send(client, { kind: "prepare", task: { system, address, ...load } } satisfies ToClient);
    await next<FromClient>(client, "prepared");
    const before = await serverCpuUs(server);
    send(client, { kind: "measure" } satisfies ToClient);
    const { report } = await next<Extract<FromClient, { kind: "report" }>>(client, "report");
    const after = await serverCpuUs(server);
    return {
      ...report,
      serverCpuUs: (after - before) / load.calls,
      perSecond: (load.calls / report.elapsedMs) * 1_000,
    };
  } finally {
    await Promise.all([stop(client), stop(server)]);
  }
}

async function serverCpuUs(server: ChildProcess): Promise<number> {
  send(server, { kind: "cpu" } satisfies ToServer);
  return (await next<Extract<FromServer, { kind: "cpu" }>>(server, "cpu")).us;
}

function start(file: string, core: number, args: string[]): ChildProcess {
  return startProcess(fileURLToPath(new URL(file, import.meta.url)), core, args);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.disconnect();
  await exited;
}

function send(child: ChildProcess, message: ToClient | ToServer): void {
  child.send(message);
}

/** The next message of a process, which must be of this kind; a process that ends instead is a failure. */
function next<T extends { readonly kind: string }>(child: ChildProcess, kind: T["kind"]): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: T): void => {
      child.off("exit", onExit);
      if (message.kind === kind) resolve(message);
      else reject(new Error(`expected "${kind}" of a bench process, got "${message.kind}"`));
    };
    const onExit = (): void => {
      child.off("message", onMessage);
      reject(new Error(`a bench process ended before it said "${kind}"`));
    };
    child.once("message", onMessage as (message: unknown) => void);
    child.once("exit", onExit);
  });
}

function rowOf(system: System, name: string, samples: readonly Sample[]): BenchRow {
  const figure = (read: (sample: Sample) => number): number => round(median(samples.map(read)));
  return {
    system,
    case: name,
    clientCpuUs: figure((sample) => sample.cpuUs),
    serverCpuUs: figure((sample) => sample.serverCpuUs),
    p50Us: figure((sample) => sample.p50Us),
    p99Us: figure((sample) => sample.p99Us),
    perSecond: figure((sample) => sample.perSecond),
  };
}

/** Ratios are taken run by run and then their median: both sides of one saw the same machine. */
function ratiosOf(samples: ReadonlyMap<string, readonly Sample[]>): BenchRatio[] {
  const ratio = (
    name: string,
    peer: System,
    read: (sample: Sample) => number,
    bound: number,
    goal: string,
  ): BenchRatio => {
    const ours = samples.get(`meshwright ${name}`) ?? [];
    const theirs = samples.get(`${peer} ${name}`) ?? [];
    const value = median(ours.map((sample, run) => read(sample) / read(theirs[run] as Sample)));
    return { name: `${name} meshwright : ${peer}`, value: round(value), goal, holds: value <= bound };
  };
  const bothCpu = (sample: Sample): number => sample.cpuUs + sample.serverCpuUs;
  const cpu = ratio("unary/64", "grpc-js", bothCpu, 1 / 8, "client + server CPU <= 1/8 of grpc-js");
  const latency = ratio("unary/1", "node:net", (sample) => sample.p50Us, 1.5, "p50 <= 1.5 of node:net");
  return [
    { ...cpu, name: `${cpu.name} clientCpuUs+serverCpuUs` },
    { ...latency, name: `${latency.name} p50Us` },
  ];
}
