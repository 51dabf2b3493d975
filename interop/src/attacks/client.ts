// A client of ours, to be attacked by the server that it calls: node --expose-gc client.js '{"controlPlane": …}'
import { Code, ConnectError } from "@connectrpc/connect";
import { createMesh, type Mesh, type MeshOptions } from "@meshwright/runtime";
import { createInteropClient, type InteropClient } from "../gen/meshwright/interop/v1/interop_mesh.js";
import { type CancelLoad, cancelCalls } from "./cancels.js";
import { heldBytes, type MemoryReport, MemoryWatch } from "./memory-watch.js";
import { serveProcedures } from "./procedures.js";
import { type CallStats, SteadyCalls } from "./steady-calls.js";
import { cpuMs, type Usage } from "./usage.js";

/** What the client calls of the server that attacks it. */
export interface Load {
  readonly kind: "unary" | "serverStream" | "clientStream";
  /** Calls in all. */
  readonly calls: number;
  readonly inFlight: number;
  readonly timeoutMs: number;
  /** Bytes of each request of a `clientStream`, or of the one of `unary`. */
  readonly payloadBytes?: number;
}

/** How the calls of a {@link Load} ended: how many with each code; "ok" is one. */
export type LoadReport = Readonly<Record<string, number>>;

/** What the client can be asked. */
export type ClientProcedures = {
  usage(argument: undefined): Usage;
  watchMemory(intervalMs: number): void;
  memory(argument: undefined): MemoryReport;
  /** Makes calls to the attacker; resolves when all have ended. The connection stays. */
  load(load: Load): Promise<LoadReport>;
  /** Makes calls that are given up, on a mesh that stays for the next time. */
  cancel(load: CancelLoad): Promise<LoadReport>;
  /** One call that is not given up, on the same mesh; returns its answer. */
  greet(text: string): Promise<string>;
  /** Bytes in use after a collection. */
  heldBytes(argument: undefined): number;
  /** Ends what is left of them. */
  release(argument: undefined): Promise<void>;
  /** Makes steady calls to another server beside. */
  startUser(argument: { readonly address: string; readonly callsPerSecond: number }): Promise<void>;
  userStats(argument: undefined): Promise<CallStats>;
};

const options: MeshOptions = JSON.parse(process.argv[2] ?? "{}", (_, value) =>
  value === "Infinity" ? Number.POSITIVE_INFINITY : value,
);
const memory = new MemoryWatch();
let mesh: Mesh | undefined;
let user: SteadyCalls | undefined;
let started = 0;
let active = 0;
let mostActive = 0;

const procedures: ClientProcedures = {
  usage: () => ({ cpuMs: cpuMs(), started, active, mostActive, messages: 0, connections: 0, probe: "" }),
  watchMemory: (intervalMs) => memory.start(intervalMs),
  memory: () => memory.stop(),
  async load(load) {
    await mesh?.close();
    mesh = await createMesh({ ...options, onEvent: () => {} });
    const client = createInteropClient(mesh);
    const report: Record<string, number> = {};
    let left = load.calls;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        started += 1;
        active += 1;
        mostActive = Math.max(mostActive, active);
        const outcome = await outcomeOf(call(client, load));
        active -= 1;
        report[outcome] = (report[outcome] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: load.inFlight }, worker));
    return report;
  },
  async cancel(load) {
    mesh ??= await createMesh({ ...options, onEvent: () => {} });
    return cancelCalls(createInteropClient(mesh), load);
  },
  async greet(text) {
    mesh ??= await createMesh({ ...options, onEvent: () => {} });
    return (await createInteropClient(mesh).unary({ text }, { timeoutMs: 5000 })).text;
  },
  heldBytes,
  async release() {
    await mesh?.close();
    mesh = undefined;
  },
  async startUser({ address, callsPerSecond }) {
    user?.stop();
    user = new SteadyCalls(address);
    await user.start(callsPerSecond);
  },
  async userStats() {
    if (user === undefined) throw new Error("start a user first");
    return user.stats();
  },
};

async function call(client: InteropClient, { kind, timeoutMs, payloadBytes = 0 }: Load): Promise<void> {
  const payload = new Uint8Array(payloadBytes);
  switch (kind) {
    case "unary":
      await client.unary({ text: "hello", payload }, { timeoutMs });
      return;
    case "serverStream":
      for await (const _ of client.serverStream({ text: "hello", count: 1000 }, { timeoutMs }));
      return;
    case "clientStream":
      await client.clientStream(uploads(payload), { timeoutMs });
      return;
  }
}

async function* uploads(payload: Uint8Array): AsyncGenerator<{ payload: Uint8Array }> {
  for (;;) yield { payload };
}

async function outcomeOf(work: Promise<void>): Promise<string> {
  try {
    await work;
    return "ok";
  } catch (error) {
    return Code[ConnectError.from(error).code];
  }
}

process.on("unhandledRejection", (reason) => {
  process.stderr.write(`unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}\n`);
  process.exit(70);
});

serveProcedures(procedures, "");
