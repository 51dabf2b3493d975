// One client process; the bench tells it what to do.
import { type Caller, systemOf } from "../systems/index.js";
import { callOf, load } from "./load.js";
import { cpuUs, obey } from "./orders.js";
import type { ClientReport, FromClient, ToClient, Work } from "./protocol.js";

let caller: Caller | undefined;

await obey<ToClient, FromClient>(async (order) => {
  if (order.kind === "connect") {
    caller = await (await systemOf(order.system)).connect(order);
    return { kind: "connected" };
  }
  if (caller === undefined) throw new Error(`"${order.kind}" before "connect"`);
  switch (order.kind) {
    case "warm-up":
      await load(callOf(caller, order.work), order);
      return { kind: "warm" };
    case "measure":
      return { kind: "report", report: await measure(caller, order.work, order.ms) };
  }
});

async function measure(to: Caller, work: Work, ms: number): Promise<ClientReport> {
  const call = callOf(to, work);
  const cpuBefore = cpuUs();
  const startedAt = performance.now();
  const times = await load(call, { work, ms });
  const elapsedMs = performance.now() - startedAt;
  const cpu = cpuUs() - cpuBefore;
  times.sort((a, b) => a - b);
  const quantile = (fraction: number): number =>
    times[Math.min(times.length - 1, Math.floor(times.length * fraction))] ?? 0;
  return { calls: times.length, cpuUs: cpu, elapsedMs, p50Us: quantile(0.5), p99Us: quantile(0.99) };
}
