// One client process; the bench tells it what to do.
import { createConnection } from "node:net";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import grpc from "@grpc/grpc-js";
import { createInteropClient } from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
import { InteropService, UnaryRequestSchema } from "@meshwright/interop/gen/meshwright/interop/v1/interop_pb";
import { grpcJsDefinition } from "@meshwright/interop/grpc-js";
import { createMesh } from "@meshwright/runtime";
import { type ClientReport, type ClientTask, cpuUs, type FromClient, type System, type ToClient } from "./protocol.js";

const TEXT = "hello, world!";

/** Makes the function that makes one call. */
const callers: Readonly<Record<System, (address: string) => Promise<() => Promise<unknown>>>> = {
  async meshwright(controlPlane) {
    const client = createInteropClient(await createMesh({ controlPlane }));
    return () => client.unary({ text: TEXT });
  },

  async "grpc-js"(address) {
    const Client = grpc.makeGenericClientConstructor(grpcJsDefinition(InteropService), "InteropService");
    const client = new Client(address, grpc.credentials.createInsecure());
    const unary = client["unary"] as (
      message: unknown,
      callback: (error: Error | null, answer: unknown) => void,
    ) => void;
    const call = unary.bind(client);
    return () =>
      new Promise((resolve, reject) => {
        call(create(UnaryRequestSchema, { text: TEXT }), (error, answer) =>
          error === null ? resolve(answer) : reject(error),
        );
      });
  },

  async "connect-node"(address) {
    const client = createClient(InteropService, createGrpcTransport({ baseUrl: `http://${address}` }));
    return () => client.unary({ text: TEXT });
  },

  async "node:net"(address) {
    const [host = "", port = ""] = address.split(":");
    const socket = createConnection({ host, port: Number(port), noDelay: true });
    const waiting: (() => void)[] = [];
    const request = Buffer.from(TEXT);
    let received = 0;
    socket.on("data", (chunk) => {
      received += chunk.byteLength;
      for (; received >= request.byteLength; received -= request.byteLength) waiting.shift()?.();
    });
    return () =>
      new Promise<void>((resolve) => {
        waiting.push(resolve);
        socket.write(request);
      });
  },
};

let call: (() => Promise<unknown>) | undefined;
let task: ClientTask | undefined;

/** Makes `total` calls, `inFlight` at a time; returns the time of each in microseconds. */
async function load(makeCall: () => Promise<unknown>, total: number, inFlight: number): Promise<Float64Array> {
  const times = new Float64Array(total);
  let started = 0;
  const worker = async (): Promise<void> => {
    while (started < total) {
      const index = started;
      started += 1;
      const begunAt = performance.now();
      await makeCall();
      times[index] = (performance.now() - begunAt) * 1_000;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return times;
}

async function measure({ calls, inFlight }: ClientTask, makeCall: () => Promise<unknown>): Promise<ClientReport> {
  const cpuBefore = cpuUs();
  const startedAt = performance.now();
  const times = await load(makeCall, calls, inFlight);
  const elapsedMs = performance.now() - startedAt;
  const cpu = cpuUs() - cpuBefore;
  times.sort();
  const quantile = (fraction: number): number => times[Math.min(calls - 1, Math.floor(calls * fraction))] ?? 0;
  return { cpuUs: cpu / calls, elapsedMs, p50Us: quantile(0.5), p99Us: quantile(0.99) };
}

function tell(message: FromClient): void {
  process.send?.(message);
}

process.on("message", async (message: ToClient) => {
  switch (message.kind) {
    case "prepare":
      task = message.task;
      call = await callers[task.system](task.address);
      await load(call, task.warmupCalls, task.inFlight);
      tell({ kind: "prepared" });
      break;
    case "measure":
      if (task !== undefined && call !== undefined) tell({ kind: "report", report: await measure(task, call) });
      break;
  }
});
process.on("disconnect", () => process.exit(0));
