import type { AttackedServerOptions, ServerProcedures } from "@meshwright/interop/attacks/server";
import type { WitnessProcedures } from "@meshwright/interop/attacks/witness";
import { afterAll } from "vitest";
import { type Child, startChild } from "./child.js";

/** What a victim is started with. */
export interface TargetOptions extends AttackedServerOptions {
  /** A command before Node's. */
  readonly prefix?: readonly string[];
}

/** A server of ours, and somebody who uses it. */
export interface Target {
  readonly address: string;
  readonly server: Child<ServerProcedures>;
  readonly witness: Child<WitnessProcedures>;
}

const CALLS_PER_SECOND = 300;
// What a JIT compiler needs to know before times mean anything.
const WARM_UP_CALLS_PER_SECOND = 2000;
const WARM_UP_MS = 500;

interface Running {
  readonly target: Target;
  readonly key: string;
}

let control: Promise<Child<ServerProcedures>> | undefined;
let witness: Promise<Child<WitnessProcedures>> | undefined;
let running: Running | undefined;

/** The server with these options; the one at hand, if it has them and lives. */
export async function targetFor({ prefix, ...options }: TargetOptions): Promise<Target> {
  const key = JSON.stringify({ prefix, options });
  if (running !== undefined && running.key === key && running.target.server.isAlive) return running.target;
  await running?.target.server.stop();
  control ??= startChild<ServerProcedures>("server");
  witness ??= startChild<WitnessProcedures>("witness");
  const server = await startChild<ServerProcedures>("server", {
    argument: options,
    ...(prefix === undefined ? {} : { prefix }),
  });
  const target = { address: server.greeting, server, witness: await witness };
  running = { target, key };
  const { greeting } = await control;
  const addresses = { attacked: target.address, control: greeting };
  await target.witness.call("start", { ...addresses, callsPerSecond: WARM_UP_CALLS_PER_SECOND });
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  await target.witness.call("start", { ...addresses, callsPerSecond: CALLS_PER_SECOND });
  return target;
}

afterAll(async () => {
  const servers = await Promise.all([control, witness]);
  await Promise.all([running?.target.server.stop(), ...servers.map((child) => child?.stop())]);
  control = undefined;
  witness = undefined;
  running = undefined;
});
