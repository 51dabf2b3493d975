// node:http2 for node-process.ts: node node-main.js, with IPC.
import type { NodeQuestion } from "./node-process.js";
import { NodeServer } from "./node-server.js";
import type { Outcome } from "./outcome.js";

const server = await NodeServer.listen();
process.on("message", async (questions: readonly NodeQuestion[]) => {
  const outcomes: Outcome[] = [];
  for (const { bytes, maxWaitMs } of questions) outcomes.push(await server.ask(Buffer.from(bytes), maxWaitMs));
  process.send?.(outcomes);
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
