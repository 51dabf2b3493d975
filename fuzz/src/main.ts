// npm run fuzz -- NAME --execs N [--seed S] [--json] [--save] [--replay HEX] [--blind] [--missing]
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { hex, readCorpus, writeCorpus, writeFinding } from "./corpus-file.js";
import { runDifferential } from "./differential/run.js";
import type { Finding } from "./engine/finding.js";
import type { Progress } from "./engine/fuzzer.js";
import { type FuzzOptions, type FuzzResult, fuzz, minimise, replay } from "./engine/supervisor.js";
import type { Target } from "./engine/target.js";
import { targetModules } from "./targets/all.js";

const USAGE = `usage: npm run fuzz -- ${Object.keys(targetModules).join("|")}|differential|MODULE --execs N
  --seed S       the same run again; default 1
  --save         writes the corpus anew: what adds coverage, the shortest inputs first
  --replay HEX   runs this input alone
  --blind        without feedback from coverage, for comparison
  --missing      lists what was not reached
  --hang-ms N    the longest that an execution may take; default 2000
  --json         prints figures as JSON
A run that is interrupted tells how far it came.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    execs: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    "hang-ms": { type: "string", default: "2000" },
    replay: { type: "string" },
    save: { type: "boolean", default: false },
    blind: { type: "boolean", default: false },
    missing: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const maxExecs = Number(values.execs);
const seed = Number(values.seed);
const hangMs = Number(values["hang-ms"]);
const name = positionals[0];
if (name === undefined || ![maxExecs, seed, hangMs].every((number) => Number.isInteger(number) && number >= 0)) {
  console.error(USAGE);
  process.exit(2);
}
process.exitCode = name === "differential" ? await differential() : await main(name);

async function differential(): Promise<number> {
  const result = await runDifferential(maxExecs, seed);
  const unexplained = result.differences.filter(({ reason }) => reason === undefined);
  if (values.json) {
    const differences = result.differences.map((difference) => ({ ...difference, example: hex(difference.example) }));
    console.log(JSON.stringify({ target: name, seed, ...result, differences, node: process.version }));
  } else {
    for (const { count, what, reason } of result.differences) console.log(`${count} times ${reason ?? what}`);
    const { execs, seconds, accepted, refused, crashes } = result;
    if (crashes > 0) console.log(`${crashes} times node:http2 died`);
    console.log(`${execs} execs in ${seconds.toFixed(1)} s: both accepted ${accepted}, both refused ${refused}`);
  }
  for (const { what, example } of unexplained) {
    console.error(
      `unexplained, ours / theirs: ${what}\nframes, saved in ${await writeFinding("differential", example)}`,
    );
  }
  return unexplained.length === 0 ? 0 : 1;
}

async function main(targetName: string): Promise<number> {
  const targetUrl = targetModules[targetName] ?? pathToFileURL(resolve(targetName)).href;
  const { target } = (await import(targetUrl)) as { readonly target: Target };
  const corpus = await readCorpus(target.name);
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopping.abort());
  const options: FuzzOptions = {
    target,
    targetUrl,
    seed,
    maxExecs,
    corpus,
    isBlind: values.blind,
    hangMs,
    onProgress: (progress) => values.json || console.error(progressLine(progress)),
    signal: stopping.signal,
  };
  if (values.replay !== undefined) {
    const finding = await replay(options, [new Uint8Array(Buffer.from(values.replay, "hex"))]);
    if (finding !== undefined) console.error(`${finding.kind}: ${finding.message}`);
    return finding === undefined ? 0 : 1;
  }
  const result = await fuzz(options);
  report(result);
  if (values.missing) for (const line of result.missing) console.error(line);
  if (result.finding !== undefined) {
    await reportFinding(target.name, result.finding);
    return 1;
  }
  if (values.save) {
    const seeds = new Set(target.seeds.map(hex));
    const smallest = await minimise(options, result.corpus);
    await writeCorpus(
      target.name,
      smallest.filter((input) => !seeds.has(hex(input))),
    );
  }
  return 0;
}

function progressLine({ execs, corpus, coverage }: Progress): string {
  const covered =
    coverage === undefined
      ? "blind"
      : `${coverage.functions} functions, ${coverage.coveredBytes} of ${coverage.totalBytes} bytes`;
  return `${execs} execs, corpus ${corpus.length}, ${covered}`;
}

function report(result: FuzzResult): void {
  const { execs, seconds, corpus, coverage, finding } = result;
  const execsPerSecond = Math.round(execs / seconds);
  if (values.json) {
    const found = finding === undefined ? null : { ...finding, input: hex(finding.input) };
    const figures = { target: name, seed, execs, seconds, execsPerSecond, corpus: corpus.length, coverage };
    console.log(JSON.stringify({ ...figures, node: process.version, finding: found }));
  } else {
    console.log(`${progressLine(result)}; ${seconds.toFixed(1)} s, ${execsPerSecond} execs/s, seed ${seed}`);
  }
}

async function reportFinding(targetName: string, finding: Finding): Promise<void> {
  const path = await writeFinding(targetName, finding.input);
  console.error(`${finding.kind}: ${finding.message}`);
  console.error(`input, saved in ${path}:\n${hex(finding.input)}`);
}
