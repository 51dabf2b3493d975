// A server of ours, to be attacked: node --expose-gc server.js '{"http2": …}'
import { subscribe } from "node:diagnostics_channel";
import { createServer, type ServerOptions } from "@meshwright/runtime";
import { interopService } from "../gen/meshwright/interop/v1/interop_mesh.js";
import { createCountedHandlers } from "./handlers.js";
import { heldBytes, type MemoryReport, MemoryWatch } from "./memory-watch.js";
import { serveProcedures } from "./procedures.js";
import type { Usage } from "./usage.js";

/** What the server is made of, JSON. */
export interface AttackedServerOptions extends Omit<ServerOptions, "services" | "interceptors" | "tls"> {
  /** Serves with TLS on another port, beside the one without. */
  readonly besideTls?: ServerOptions["tls"];
}

const { besideTls, ...options }: AttackedServerOptions = JSON.parse(process.argv[2] ?? "{}", (_, value) =>
  value === "Infinity" ? Number.POSITIVE_INFINITY : value,
);
const { handlers, usage } = createCountedHandlers();
const services = [interopService(handlers)];
const server = createServer({ ...options, services });
let tlsAddress = "";
if (besideTls !== undefined) {
  tlsAddress = await createServer({ ...options, services, tls: besideTls }).listen("127.0.0.1:0");
}
const memory = new MemoryWatch();

/** What the server can be asked. */
export type ServerProcedures = {
  usage(argument: undefined): Usage;
  watchMemory(intervalMs: number): void;
  memory(argument: undefined): MemoryReport;
  /** Where TLS is spoken. */
  tlsAddress(argument: undefined): string;
  /** Bytes in use after a collection. */
  heldBytes(argument: undefined): number;
};

let connections = 0;
subscribe("net.server.socket", () => {
  connections += 1;
});

const procedures: ServerProcedures = {
  usage: () => ({ ...usage(), connections }),
  heldBytes,
  tlsAddress: () => tlsAddress,
  watchMemory: (intervalMs) => memory.start(intervalMs),
  memory: () => memory.stop(),
};

// What no handler caught must be seen by the test, and nothing else may keep the process.
process.on("unhandledRejection", (reason) => {
  process.stderr.write(`unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}\n`);
  process.exit(70);
});

serveProcedures(procedures, await server.listen("127.0.0.1:0"));
