// npm run test:h2spec: the conformance suites of the h2spec project against both roles of our HTTP/2.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTestCa } from "../certificates.js";
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

async function serverSuite({ h2spec }: H2specTools, isTls: boolean): Promise<SuiteResult> {
  using server = await startServer("./wire-server.js", isTls ? ["--tls"] : []);
  const report = cachePath("h2spec", isTls ? "server-tls.xml" : "server.xml");
  const target = ["--host", server.host, "--port", String(server.port), ...(isTls ? ["--tls", "--insecure"] : [])];
  const command = [h2spec, ...target, "--strict", "--timeout", "2", "--junit-report", report];
  const { output } = await run(command, { advice: NO_TOOL });
  if (!/\d+ tests, \d+ passed/.test(output)) throw new ToolError(`h2spec broke off:\n${output.slice(-4000)}`);
  return readJunit(readFileSync(report, "utf8"));
}

async function clientSuite({ h2specd }: H2specTools, isTls: boolean): Promise<SuiteResult> {
  const client = [process.execPath, join(dirname(fileURLToPath(import.meta.url)), "client.js")];
  // Every case listens on its own port, below those that systems hand out; runs side by side shall not meet.
  const options = ["--from-port", String(20_000 + (process.pid % 60) * 200 + (isTls ? 100 : 0))];
  if (isTls) {
    const files = await writeCertificate();
    client.push(files.ca);
    options.push("--tls", "--cert-file", files.cert, "--cert-key-file", files.key);
  }
  const { output } = await run([h2specd, ...options, "--exec", client.join(" ")], { advice: NO_TOOL });
  const result = readSummary(output);
  if (result === undefined) throw new ToolError(`h2specd broke off:\n${output.slice(-4000)}`);
  return result;
}

/** h2specd reads its certificate from files, and so does our client the root. */
async function writeCertificate(): Promise<{ ca: string; cert: string; key: string }> {
  const ca = await createTestCa();
  const { cert, key } = await ca.issue({ dns: ["localhost"], ip: ["127.0.0.1"] });
  const write = (name: string, pem: string): string => {
    writeFileSync(cachePath("h2spec", name), pem, { mode: 0o600 });
    return cachePath("h2spec", name);
  };
  return { ca: write("ca.pem", ca.ca), cert: write("server.pem", cert), key: write("server.key", key) };
}

await runScript(async () => {
  mkdirSync(cachePath("h2spec"), { recursive: true });
  const tools = await buildH2spec();
  // Most of the time they wait for a peer to stay silent, so they go side by side.
  const suites = await Promise.all(
    [false, true].flatMap((isTls) => {
      const transport = isTls ? "TLS" : "h2c";
      return [
        serverSuite(tools, isTls).then((result) => ({ name: `server, ${transport}`, cases: SERVER_CASES, result })),
        clientSuite(tools, isTls).then((result) => ({ name: `client, ${transport}`, cases: CLIENT_CASES, result })),
      ];
    }),
  );
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
