import { parentPort, workerData } from "node:worker_threads";
import { Coverage } from "./coverage.js";
import type { Finding } from "./finding.js";
import { Fuzzer, type Progress } from "./fuzzer.js";
import { SharedInput } from "./shared-input.js";
import type { Target } from "./target.js";

/** What the worker is started with. */
export interface WorkerTask {
  readonly targetUrl: string;
  /**
   * `replay` runs the corpus alone, without the seeds, which is how an input is tried again; `minimise` runs both, and
   * keeps what adds coverage.
   */
  readonly mode: "fuzz" | "replay" | "minimise";
  readonly seed: number;
  readonly maxExecs: number;
  readonly isBlind: boolean;
  readonly corpus: readonly Uint8Array[];
  readonly buffer: SharedArrayBuffer;
}

/** What the worker says: the last one is `done`. */
export type WorkerMessage =
  | { readonly kind: "progress"; readonly progress: Progress }
  | {
      readonly kind: "done";
      readonly progress: Progress;
      readonly finding: Finding | undefined;
      readonly missing: readonly string[];
    };

const PROGRESS_MS = 1000;

async function work(task: WorkerTask): Promise<void> {
  const shared = new SharedInput(task.buffer);
  // Only what is loaded after coverage began is counted block by block, so the target is imported late.
  const covers: string[] = [];
  const coverage = task.isBlind ? undefined : new Coverage(covers);
  const { target } = (await import(task.targetUrl)) as { readonly target: Target };
  covers.push(...target.covers);
  const fuzzer = new Fuzzer({
    target: task.mode === "replay" ? { ...target, seeds: [], run: target.run.bind(target) } : target,
    seed: task.seed,
    corpus: task.corpus,
    shared,
    coverage,
    usesFeatures: task.mode === "fuzz" && !task.isBlind,
  });
  process.on("unhandledRejection", (reason) => fuzzer.rejected(reason));
  const send = (message: WorkerMessage): void => parentPort?.postMessage(message);
  let lastMs = performance.now();
  const finding = await fuzzer.run(task.mode === "fuzz" ? task.maxExecs : 0, () => {
    const nowMs = performance.now();
    if (nowMs - lastMs < PROGRESS_MS) return;
    lastMs = nowMs;
    send({ kind: "progress", progress: fuzzer.progress });
  });
  send({ kind: "done", progress: fuzzer.progress, finding, missing: coverage?.missing ?? [] });
}

await work(workerData as WorkerTask);
