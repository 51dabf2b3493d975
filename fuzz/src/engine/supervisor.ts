import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { Finding } from "./finding.js";
import type { Progress } from "./fuzzer.js";
import { SharedInput } from "./shared-input.js";
import type { Target } from "./target.js";
import type { WorkerMessage, WorkerTask } from "./worker.js";

/** What {@link fuzz} does. */
export interface FuzzOptions {
  readonly target: Target;
  /** The module that exports `target`; the worker imports it. */
  readonly targetUrl: string;
  readonly seed: number;
  readonly maxExecs: number;
  readonly corpus: readonly Uint8Array[];
  /** Without feedback from coverage, for comparison. */
  readonly isBlind: boolean;
  /** An execution that lasts longer is a finding. */
  readonly hangMs: number;
  readonly onProgress: (progress: Progress) => void;
  /** Ends the run early, with what it has found until then. */
  readonly signal: AbortSignal;
}

/** How a run ended. */
export interface FuzzResult extends Progress {
  readonly seconds: number;
  readonly finding: Finding | undefined;
  readonly missing: readonly string[];
}

const WATCH_MS = 50;
/** A hang costs its whole time limit with each try to make it smaller. */
const HANG_TRIES = 40;

/** Fuzzes in a worker thread, watched from this one. */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const startMs = performance.now();
  const { done, hang, progress } = await watch(options, "fuzz", options.corpus);
  const seconds = (performance.now() - startMs) / 1000;
  if (hang === undefined) return { ...done.progress, seconds, finding: done.finding, missing: done.missing };
  const input = await minimiseHang(options, hang);
  const message = `an execution took more than ${options.hangMs} ms`;
  return { ...progress, seconds, finding: { kind: "hang", message, input }, missing: [] };
}

/** Runs inputs once each; returns the first finding. */
export async function replay(options: FuzzOptions, inputs: readonly Uint8Array[]): Promise<Finding | undefined> {
  const { done, hang } = await watch(options, "replay", inputs);
  if (hang === undefined) return done.finding;
  return { kind: "hang", message: `an execution took more than ${options.hangMs} ms`, input: hang };
}

/** The inputs, the shortest first, that reach code which those before them do not. */
export async function minimise(options: FuzzOptions, inputs: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  const { progress } = await watch(options, "minimise", inputs);
  return progress.corpus;
}

type Watched =
  | { readonly hang: undefined; readonly done: Extract<WorkerMessage, { kind: "done" }>; readonly progress: Progress }
  | { readonly hang: Uint8Array; readonly done: undefined; readonly progress: Progress };

async function watch(options: FuzzOptions, mode: WorkerTask["mode"], corpus: readonly Uint8Array[]): Promise<Watched> {
  const shared = SharedInput.create(options.target.maxInputBytes);
  const { targetUrl, seed, maxExecs, isBlind, hangMs } = options;
  const task: WorkerTask = { targetUrl, mode, seed, maxExecs, isBlind, corpus, buffer: shared.buffer };
  const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: task });
  let progress: Progress = { execs: 0, corpus: [], coverage: undefined };
  let done: Extract<WorkerMessage, { kind: "done" }> | undefined;
  let failure: Error | undefined;
  worker.on("message", (message: WorkerMessage) => {
    progress = message.progress;
    if (message.kind === "done") done = message;
    else options.onProgress(progress);
  });
  worker.on("error", (error) => {
    failure = error;
  });
  let lastTicks = shared.ticks;
  let lastMs = performance.now();
  while (done === undefined) {
    await setTimeout(WATCH_MS);
    if (options.signal.aborted) shared.stop();
    if (failure !== undefined) throw failure;
    const nowMs = performance.now();
    const { ticks } = shared;
    // Before the first execution it still loads.
    if (ticks === 0 || ticks !== lastTicks) {
      lastTicks = ticks;
      lastMs = nowMs;
    } else if (done === undefined && nowMs - lastMs > hangMs) {
      const hang = shared.copy();
      // A busy machine makes any execution slow once: it must be slow again, alone, unless the loop went on meanwhile.
      if (mode === "replay" || ((await replay(options, [hang])) !== undefined && shared.ticks === ticks)) {
        await worker.terminate();
        return { hang, done: undefined, progress: { ...progress, execs: ticks } };
      }
      lastMs = performance.now();
    }
  }
  await worker.terminate();
  return { hang: undefined, done, progress };
}

/** Like `minimiseInput`, with a limit on the tries and a worker for each. */
async function minimiseHang(options: FuzzOptions, hang: Uint8Array): Promise<Uint8Array> {
  let best = hang;
  let tries = 0;
  for (let size = best.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at + size <= best.length; ) {
      if (tries++ >= HANG_TRIES) return best;
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      const finding = await replay(options, [shorter]);
      if (finding?.kind === "hang") best = new Uint8Array(shorter);
      else at += size;
    }
  }
  return best;
}
