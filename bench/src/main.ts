// npm run bench -- NAME [--json] [--runs N]
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { runHttp2 } from "./http2/run.js";
import type { BenchResult } from "./result.js";
import { printTable } from "./table.js";
import { runUnary } from "./unary/run.js";

const benches: Readonly<Record<string, (runs: number) => Promise<BenchResult>>> = {
  unary: runUnary,
  http2: runHttp2,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false }, runs: { type: "string", default: "5" } },
});
const name = positionals[0] ?? "";
const bench = benches[name];
const runs = Number(values.runs);
if (bench === undefined || !Number.isInteger(runs) || runs < 1) {
  console.error(`usage: npm run bench -- NAME [--json] [--runs N]; NAME is one of ${Object.keys(benches).join(", ")}`);
  process.exit(2);
}
const { rows, ratios } = await bench(runs);
if (values.json) {
  const machine = { cpu: cpus()[0]?.model ?? "", cores: cpus().length, node: process.version };
  console.log(JSON.stringify({ bench: name, machine, runs, rows, ratios }));
} else {
  printTable(rows, ratios);
}
