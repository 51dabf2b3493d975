import type { NodeSystem, System } from "../processes/protocol.js";
import type { SystemUnderTest } from "./system.js";

export type { Caller, SystemUnderTest } from "./system.js";

// A process loads its own system only: the others would cost it memory and time.
const loaders: Readonly<Record<NodeSystem, () => Promise<SystemUnderTest>>> = {
  meshwright: async () => (await import("./meshwright.js")).meshwright,
  "grpc-js": async () => (await import("./grpc-js.js")).grpcJs,
  "connect-node": async () => (await import("./connect-node.js")).connectNode,
  "node:http2": async () => (await import("./node-http2.js")).nodeHttp2,
  "node:net": async () => (await import("./node-net.js")).nodeNet,
};

/** The system of this name. */
export function systemOf(name: System): Promise<SystemUnderTest> {
  if (name === "grpc-go") throw new Error("grpc-go runs in processes of its own");
  return loaders[name]();
}
