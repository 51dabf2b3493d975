// npm run test:h2spec: the conformance suites of the h2spec project against both roles of our HTTP/2.
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runScript } from "../script.js";
import { startServer } from "../start-server.js";
import { cachePath, run, ToolError } from "../workspace.js";
import { readJunit, readSummary, type SuiteResult } from "./report.js";
import { buildH2spec, type H2specTools } from "./tools.js";

/** Cases of h2spec 2.2.1, strict ones included. A suite that lost some has not passed. */
const SERVER_CASES = 146;
/** Cases of h2specd 2.2.1. */
const CLIENT_CASES = 57;

const NO_TOOL = "remove .cache/h2spec and run this again";

async function serverSuite({ h2spec }: H2specTools): Promise<SuiteResult> {
  using server = await startServer("./wire-server.js", []);
  const report = cachePath("h2spec", "server.xml");
  const target = ["--host", server.host, "--port", String(server.port)];
  const command = [h2spec, ...target, "--strict", "--timeout", "2", "--junit-report", report];
  const { output } = await run(command, { advice: NO_TOOL });
  if (!/\d+ tests, \d+ passed/.test(output)) throw new ToolError(`h2spec broke off:\n${output.slice(-4000)}`);
  return readJunit(readFileSync(report, "utf8"));
}

async function clientSuite({ h2specd }: H2specTools): Promise<SuiteResult> {
  const client = join(dirname(fileURLToPath(import.meta.url)), "client.js");
  // Every case listens on its own port, below those that systems hand out; runs side by side shall not meet.
  const fromPort = 20_000 + (process.pid % 120) * 100;
  const exec = `${process.execPath} ${client}`;
  const { output } = await run([h2specd, "--from-port", String(fromPort), "--exec", exec], { advice: NO_TOOL });
  const result = readSummary(output);
  if (result === undefined) throw new ToolError(`h2specd broke off:\n${output.slice(-4000)}`);
  return result;
}

await runScript(async () => {
  mkdirSync(cachePath("h2spec"), { recursive: true });
  const tools = await buildH2spec();
  const suites = [
    { name: "server, h2c", cases: SERVER_CASES, result: await serverSuite(tools) },
    { name: "client, h2c", cases: CLIENT_CASES, result: await clientSuite(tools) },
  ];
  let passed = 0;
  let failed = 0;
  for (const { name, cases, result } of suites) {
    console.log(
      `h2spec: ${name}: ${result.passed} of ${cases} passed, ${result.skipped} skipped, ${result.failed} failed`,
    );
    for (const failure of result.failures) console.log(`  ${failure}`);
    passed += result.passed;
    // A case that was skipped, or is not there any more, has not passed. Neither has a count that nobody expected.
    failed += Math.max(Math.abs(cases - result.passed), result.skipped + result.failed);
  }
  return { passed, failed };
});
