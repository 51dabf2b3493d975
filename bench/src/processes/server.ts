// One server process; the bench tells it what to be.
import { systemOf } from "../systems/index.js";
import { cpuUs, obey } from "./orders.js";
import type { FromServer, ToServer } from "./protocol.js";

await obey<ToServer, FromServer>(async (order) => {
  switch (order.kind) {
    case "serve":
      return { kind: "ready", address: await (await systemOf(order.system)).serve(order) };
    case "cpu":
      return { kind: "cpu", us: cpuUs() };
  }
});
