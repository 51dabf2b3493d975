import { createTestCa } from "@meshwright/interop/certificates";
import { grpcGo } from "../processes/grpc-go.js";
import type { System, TlsMaterial } from "../processes/protocol.js";
import { type Case, measureSystems, rowOf, type Sample, sampleKey } from "../processes/side-by-side.js";
import { type BenchRatio, type BenchResult, type Comparison, ratioOf } from "../result.js";

const SYSTEMS: readonly System[] = ["meshwright", "node:http2", "grpc-js", "connect-node", "node:net", "grpc-go"];
const SMALL_BYTES = 16;
// The message around it stays within 4 MiB, the default limit of every system.
const LARGE_BYTES = 4 * 1024 * 1024 - 16;

const unary = (inFlight: number, calls: number): Case => ({
  name: `unary/${inFlight}`,
  work: { kind: "unary", payloadBytes: SMALL_BYTES, inFlight },
  warmupCalls: calls,
  warmupMs: 1_500,
  measureMs: 350,
});

const CASES: readonly Case[] = [
  unary(64, 6_000),
  unary(512, 2_000),
  unary(1, 500),
  {
    name: "server-stream/64B",
    work: { kind: "server-stream", payloadBytes: 64, messages: 5_000 },
    warmupCalls: 1_000,
    warmupMs: 600,
    measureMs: 350,
  },
  {
    name: "client-stream/64KiB",
    work: { kind: "client-stream", payloadBytes: 64 * 1024, messages: 256 },
    // Large buffers take the collector a second to get used to.
    warmupCalls: 1_000,
    warmupMs: 1_200,
    measureMs: 350,
  },
  {
    name: "message/4MiB",
    work: { kind: "unary", payloadBytes: LARGE_BYTES, inFlight: 1 },
    warmupCalls: 1_000,
    warmupMs: 1_200,
    measureMs: 350,
  },
];

/** Ours beside its peers without a mesh, from client to server: what HTTP/2, gRPC and the codec cost. */
export async function runHttp2(runs: number): Promise<BenchResult> {
  // What can't be measured fails the bench, and that at once.
  grpcGo();
  const samples = new Map<string, Sample[]>();
  const transports = [{ suffix: "" }, { suffix: "+tls", tls: await tlsMaterial() }];
  for (let run = 1; run <= runs; run += 1) {
    for (const transport of transports) {
      const plan = { systems: SYSTEMS, cases: CASES, isInMesh: false, ...transport };
      await measureSystems(plan, `run ${run} of ${runs}`, samples);
    }
  }
  const names = transports.flatMap(({ suffix }) => CASES.map(({ name }) => `${name}${suffix}`));
  const rows = names.flatMap((name) => SYSTEMS.map((system) => rowOf(system, name, samples, figuresOf(name))));
  return { rows, ratios: transports.flatMap(({ suffix }) => ratiosOf(suffix, samples)) };
}

async function tlsMaterial(): Promise<TlsMaterial> {
  const { ca, issue } = await createTestCa();
  const { cert, key } = await issue({ dns: ["localhost"], ip: ["127.0.0.1"] });
  return { authority: ca, certificate: cert, privateKey: key };
}

function figuresOf(name: string): (keyof Sample)[] {
  const cpu = ["clientCpuUs", "serverCpuUs"] as const;
  if (name.startsWith("unary/")) return [...cpu, "p50Us", "p99Us", "perSecond"];
  if (name.startsWith("message/")) return [...cpu, "p50Us", "p99Us", "perSecond", "mbPerSecond"];
  return [...cpu, "perSecond", "mbPerSecond"];
}

type Goal = Pick<Comparison<Sample>, "atMost" | "atLeast" | "goal">;

function ratiosOf(suffix: string, samples: ReadonlyMap<string, readonly Sample[]>): BenchRatio[] {
  const ratio = (name: string, peer: System, figure: keyof Sample, goal: Goal): BenchRatio =>
    ratioOf({
      name: `${name}${suffix} meshwright : ${peer} ${figure}`,
      ours: samples.get(sampleKey("meshwright", `${name}${suffix}`)) ?? [],
      theirs: samples.get(sampleKey(peer, `${name}${suffix}`)) ?? [],
      read: (sample) => sample[figure],
      ...goal,
    });
  const messages: Goal = { atLeast: 10, goal: "messages per second >= 10 times those of grpc-js" };
  return [
    ratio("unary/64", "grpc-js", "clientCpuUs", { atMost: 1 / 10, goal: "client CPU <= 1/10 of grpc-js" }),
    ratio("unary/64", "node:http2", "clientCpuUs", { atMost: 1 / 3, goal: "client CPU <= 1/3 of bare node:http2" }),
    ratio("unary/64", "grpc-go", "clientCpuUs", { atMost: 1, goal: "client CPU below grpc-go" }),
    ratio("server-stream/64B", "grpc-js", "perSecond", messages),
    ratio("client-stream/64KiB", "grpc-js", "perSecond", messages),
    ratio("message/4MiB", "node:net", "mbPerSecond", { atLeast: 0.8, goal: "MB/s >= 0.8 of a raw copy by node:net" }),
  ];
}
