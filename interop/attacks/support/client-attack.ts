import type { ClientProcedures, Load, LoadReport } from "@meshwright/interop/attacks/client";
import type { WitnessStats } from "@meshwright/interop/attacks/witness";
import type { MeshOptions } from "@meshwright/runtime";
import { afterAll, expect, it } from "vitest";
import { type Ending, judge, WITHIN_MS } from "./attack.js";
import { type Child, startChild } from "./child.js";
import { Flag, FrameType, settings } from "./frames.js";
import { type HostileServer, startHostileServer } from "./hostile-server.js";
import { measure } from "./measure.js";
import type { RawPeer, RawPeerOptions } from "./raw-peer.js";
import { startBystanders, type Target, watchIdle } from "./target.js";

/** One row in which a server attacks a client of ours that calls it. */
export interface ClientAttack {
  readonly ending: Ending;
  /** What the client is started with, apart from its defaults. */
  readonly http2?: MeshOptions["http2"];
  /** What it calls. Defaults to one unary call. */
  readonly load?: Partial<Load>;
  readonly peer?: RawPeerOptions;
  /** What the server says first. Defaults to empty SETTINGS. */
  readonly greeting?: Buffer;
  /** Does what the server does on each connection, once its first request is there, or at once. */
  run(peer: RawPeer, request: Requests): Promise<void> | void;
  readonly runsAtOnce?: boolean;
  /** Judges how the calls went, and what became of the connections. */
  check?(report: LoadReport, peers: readonly RawPeer[]): void;
}

/** The requests of a connection. */
export interface Requests {
  /** Calls `onRequest` with the id of each stream that the client opens, those that it has opened included. */
  each(onRequest: (streamId: number) => void): void;
}

const LOAD: Load = { kind: "unary", calls: 1, inFlight: 1, timeoutMs: 1500 };
const CALLS_PER_SECOND = 300;

let hostile: Promise<HostileServer> | undefined;
let running: { readonly key: string; readonly client: Child<ClientProcedures>; readonly target: Target } | undefined;

/** One test: a server attacks, and the client and what else it does are measured and judged. */
export function clientAttack(id: string, name: string, row: ClientAttack): void {
  it(`${id} ${name}`, async ({ task }) => {
    hostile ??= startHostileServer();
    const server = await hostile;
    const { client, target } = await clientFor(server, row.http2 ?? {});
    const result = await measure(target, {
      run: async (peers) => {
        const running: Promise<void>[] = [];
        server.serve(row.peer ?? {}, (peer) => {
          peers.push(peer);
          running.push(serve(peer, row));
        });
        const load = { ...LOAD, ...row.load };
        const report = await client.call("load", { ...load, inFlight: Math.min(load.inFlight, load.calls) });
        server.serve({}, (peer) => peer.destroy());
        await Promise.all(running);
        row.check?.(report, peers);
      },
      judge: (peer) => judge(row, peer),
      withinMs: row.ending.kind === "bounded" ? undefined : WITHIN_MS,
    });
    Object.assign(task.meta, { attack: { id, name: `client: ${name}`, ...result } });
    expect(result.complaints).toEqual([]);
  });
}

async function serve(peer: RawPeer, { greeting = settings(), run, runsAtOnce = false }: ClientAttack): Promise<void> {
  const ids: number[] = [];
  let onRequest: ((streamId: number) => void) | undefined;
  peer.onFrame = (type, flags, streamId) => {
    if (type !== FrameType.HEADERS || (flags & Flag.END_HEADERS) === 0) return;
    ids.push(streamId);
    onRequest?.(streamId);
  };
  peer.write(greeting);
  if (!runsAtOnce && !(await peer.until(() => ids.length > 0, 1500))) return;
  await run(peer, {
    each: (listener) => {
      for (const id of ids) listener(id);
      onRequest = listener;
    },
  });
}

async function clientFor(
  { controlPlane }: HostileServer,
  http2: NonNullable<MeshOptions["http2"]>,
): Promise<NonNullable<typeof running>> {
  const key = JSON.stringify(http2);
  if (running !== undefined && running.key === key && running.client.isAlive) return running;
  await running?.client.stop();
  const client = await startChild<ClientProcedures>("client", { argument: { controlPlane, http2 } });
  const bystanders = await startBystanders();
  // The witness calls one server twice; the client under attack calls it as well.
  await bystanders.watch(bystanders.controlAddress);
  await client.call("startUser", { address: bystanders.controlAddress, callsPerSecond: 2000 });
  await new Promise((resolve) => setTimeout(resolve, 400));
  await client.call("startUser", { address: bystanders.controlAddress, callsPerSecond: CALLS_PER_SECOND });
  const userStats = async (): Promise<WitnessStats> => {
    const [attacked, { control }] = await Promise.all([
      client.call("userStats", undefined),
      bystanders.witness.call("stats", undefined),
    ]);
    return { attacked, control };
  };
  const target: Target = {
    address: "",
    tlsAddress: "",
    victim: client,
    idle: await watchIdle(client, userStats),
    userStats,
    async settle() {
      await client.call("release", undefined);
      await new Promise((resolve) => setTimeout(resolve, 50));
    },
  };
  running = { key, client, target };
  return running;
}

afterAll(async () => {
  await running?.client.stop();
  await (await hostile)?.[Symbol.asyncDispose]();
  running = undefined;
  hostile = undefined;
});
