import type { System } from "../processes/protocol.js";
import { type Case, measureSystems, rowOf, type Sample, sampleKey } from "../processes/side-by-side.js";
import { type BenchResult, ratioOf } from "../result.js";

const SYSTEMS: readonly System[] = ["meshwright", "grpc-js", "connect-node", "node:net"];
const PAYLOAD_BYTES = 16;
const CASES: readonly Case[] = [1, 64].map((inFlight) => ({
  name: `unary/${inFlight}`,
  work: { kind: "unary", payloadBytes: PAYLOAD_BYTES, inFlight },
  warmupCalls: 10_000,
  warmupMs: 4_000,
  measureMs: 1_500,
}));

/** Unary calls: ours through the mesh, routed and balanced, beside its peers; each client and server in its process. */
export async function runUnary(runs: number): Promise<BenchResult> {
  const samples = new Map<string, Sample[]>();
  // System after system in each run, so that a slow moment of the machine hits all of them alike.
  for (let run = 1; run <= runs; run += 1) {
    await measureSystems({ systems: SYSTEMS, cases: CASES, isInMesh: true }, `run ${run} of ${runs}`, samples);
  }
  const rows = CASES.flatMap(({ name }) =>
    SYSTEMS.map((system) =>
      rowOf(system, name, samples, ["clientCpuUs", "serverCpuUs", "p50Us", "p99Us", "perSecond"]),
    ),
  );
  const side = (system: System, name: string) => samples.get(sampleKey(system, name)) ?? [];
  const ratios = [
    ratioOf({
      name: "unary/64 meshwright : grpc-js clientCpuUs+serverCpuUs",
      ours: side("meshwright", "unary/64"),
      theirs: side("grpc-js", "unary/64"),
      read: (sample) => sample.clientCpuUs + sample.serverCpuUs,
      atMost: 1 / 8,
      goal: "client + server CPU <= 1/8 of grpc-js",
    }),
    ratioOf({
      name: "unary/1 meshwright : node:net p50Us",
      ours: side("meshwright", "unary/1"),
      theirs: side("node:net", "unary/1"),
      read: (sample) => sample.p50Us,
      atMost: 1.5,
      goal: "p50 <= 1.5 of node:net",
    }),
  ];
  return { rows, ratios };
}
