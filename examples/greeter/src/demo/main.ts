// The main job, end to end: a canary through a mesh without proxies. `npm run demo`, or `npm run demo -- --check`.
import { cp, mkdir, rm } from "node:fs/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createControlPlane } from "@meshwright/control-plane";
import { createMesh } from "@meshwright/runtime";
import { createGreeterClient } from "../gen/acme/greet/v1/greet_mesh.js";
import { configuredSplit } from "./configured-split.js";
import { describeEvent } from "./events.js";
import { Greeters } from "./greeters.js";
import { createScreen, resultLine } from "./screen.js";
import { type PhaseResult, type PhaseView, PROPAGATION_GOAL_MS, play, type ScriptResult } from "./script.js";
import { Traffic } from "./traffic.js";
import { writeVirtualService } from "./virtual-service.js";

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
const isCheck = values.check;

const SHIPPED = fileURLToPath(new URL("../../mesh", import.meta.url));
// A copy to play with: the demo rewrites it, and so may you.
const FOLDER = fileURLToPath(new URL("../../../../.cache/demo/mesh", import.meta.url));
const PROCESSES = [
  { name: "greeter-v1-a", version: "v1" },
  { name: "greeter-v1-b", version: "v1" },
  { name: "greeter-v2-a", version: "v2" },
  { name: "greeter-v2-b", version: "v2" },
] as const;
const REDRAW_MS = 200;

const screen = createScreen(isCheck ? Object.assign(process.stdout, { isTTY: false }) : process.stdout);
const closers: (() => Promise<void> | void)[] = [() => screen.close()];
let isEnding = false;

/** Ends everything that was started, last first, once. */
async function end(exitCode: number): Promise<never> {
  if (!isEnding) {
    isEnding = true;
    for (const close of closers.reverse()) await close();
  }
  process.exit(exitCode);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => void end(isCheck ? 1 : 0));

try {
  await run();
} catch (error) {
  screen.close();
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  if (isCheck) printSummary({ phases: [], propagationMs: [] }, false);
  await end(1);
}

async function run(): Promise<void> {
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER, { recursive: true });
  await cp(SHIPPED, FOLDER, { recursive: true });
  await writeVirtualService(FOLDER, { v1: 100, v2: 0 });

  let news: string | undefined;
  const controlPlane = await createControlPlane({
    directory: FOLDER,
    listen: "127.0.0.1:0",
    onEvent: (event) => {
      news = describeEvent(event) ?? news;
    },
  });
  closers.push(() => controlPlane.close());
  screen.say(`control plane on ${controlPlane.address}, configuration in ${relative(process.cwd(), FOLDER)}`);

  const greeters = new Greeters(controlPlane.address);
  closers.push(() => greeters.stop());
  await Promise.all(PROCESSES.map(({ name, version }) => greeters.start(name, version)));
  screen.say(`${PROCESSES.length} greeter processes are registered: two of v1, two of v2`);

  const mesh = await createMesh({ controlPlane: controlPlane.address });
  closers.push(() => mesh.close());
  const greeter = createGreeterClient(mesh);
  await greeter.sayHello({ name: "Ada" }, { timeoutMs: 10_000 });

  const traffic = new Traffic(greeter, isCheck ? 1_200 : 400);
  traffic.start();
  closers.push(() => traffic.stop());

  let phase: PhaseView | undefined;
  const results: PhaseResult[] = [];
  const hints = [
    `edit ${relative(process.cwd(), FOLDER)}/virtual-service.yaml and watch the traffic follow`,
    "Ctrl-C ends the demo and every process that it started",
  ];
  const redraw = setInterval(() => {
    screen.draw({ phase, tally: traffic.tally, processes: greeters.list(), results, hints, news });
  }, REDRAW_MS);
  closers.push(() => clearInterval(redraw));

  const outcome = await play({
    meshFolder: FOLDER,
    traffic,
    greeters,
    callsPerPhase: isCheck ? 2_400 : 2_000,
    patienceMs: 30_000,
    onPhase: (begun) => {
      phase = begun;
    },
    onResult: (result) => {
      results.push(result);
      screen.say(`${result.complaints.length === 0 ? "ok" : "NO"}  ${resultLine(result)}`);
      for (const complaint of result.complaints) screen.say(`    ${complaint}`);
    },
  });
  const slowest = Math.max(...outcome.propagationMs);
  const isPrompt = slowest <= PROPAGATION_GOAL_MS;
  screen.say(`${isPrompt ? "ok" : "NO"}  a change of the YAML reached the next call within ${slowest.toFixed(0)} ms`);

  if (isCheck) {
    const isOk = isPrompt && outcome.phases.every(({ complaints }) => complaints.length === 0);
    printSummary(outcome, isOk);
    await end(isOk ? 0 : 1);
  }
  for (const hint of hints) if (!process.stdout.isTTY) screen.say(hint);
  // The script is over; the calls go on, and the picture follows what a person does to the YAML.
  setInterval(() => {
    const configured = configuredSplit(mesh);
    if (JSON.stringify(configured) !== JSON.stringify(phase?.configured)) {
      phase = { name: "yours", configured, goalCalls: 0 };
      traffic.begin();
      if (!process.stdout.isTTY && configured !== undefined)
        screen.say(`now configured: ${JSON.stringify(configured)}`);
    }
  }, REDRAW_MS).unref();
  await new Promise<never>(() => {});
}

/** The line that scripts read: last, one JSON object. */
function printSummary({ phases, propagationMs }: ScriptResult, ok: boolean): void {
  const total = (count: (phase: PhaseResult) => number): number => phases.reduce((sum, phase) => sum + count(phase), 0);
  console.log(
    JSON.stringify({
      ok,
      calls: total(({ calls }) => calls),
      failed: total(({ failed }) => failed),
      propagationMs: propagationMs.map((value) => Math.round(value * 10) / 10),
      phases: phases.map(({ name, calls, failed, configured, observed, p50Ms, p99Ms }) => ({
        name,
        calls,
        failed,
        ...(configured === undefined ? {} : { configured }),
        observed,
        p50Ms,
        p99Ms,
      })),
    }),
  );
}
