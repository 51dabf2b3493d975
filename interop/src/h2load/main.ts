// npm run test:h2load -- [--seconds N]: h2load of nghttp2 against our servers; nothing may fail under load.
import { mkdirSync, writeFileSync } from "node:fs";
import { create, toBinary } from "@bufbuild/protobuf";
import { UnaryRequestSchema } from "../gen/meshwright/interop/v1/interop_pb.js";
import { runScript } from "../script.js";
import { startServer } from "../start-server.js";
import { cachePath, run, runOrFail, ToolError } from "../workspace.js";

interface Load {
  readonly name: string;
  readonly server: string;
  readonly path: string;
  /** Of every answer. */
  readonly bodyBytes: number;
  /** Of h2load, beside the shape of the load. */
  readonly options: readonly string[];
}

/** What h2load counted. */
interface LoadResult {
  readonly succeeded: number;
  readonly failed: number;
  readonly errored: number;
  readonly timeout: number;
  readonly perSecond: number;
}

const CONNECTIONS = 8;
const STREAMS = 32;

const INSTALL = "install h2load (Debian: apt-get install nghttp2-client) and run this again";

async function ensureH2load(): Promise<string> {
  const version = (): Promise<string> => runOrFail(["h2load", "--version"], { advice: INSTALL });
  try {
    return await version();
  } catch (error) {
    if (process.getuid?.() !== 0) throw error;
  }
  console.log("h2load: installing nghttp2-client");
  const install = ["apt-get", "install", "--yes", "--no-install-recommends", "nghttp2-client"];
  const { code } = await run(install, { advice: INSTALL });
  if (code !== 0) {
    await runOrFail(["apt-get", "update"], { advice: INSTALL });
    await runOrFail(install, { advice: INSTALL });
  }
  return version();
}

/** A gRPC message on the wire: not compressed, its length, the message. */
function writeCall(): string {
  const message = toBinary(UnaryRequestSchema, create(UnaryRequestSchema, { text: "load" }));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.byteLength, 1);
  const file = cachePath("h2load", "call.bin");
  writeFileSync(file, Buffer.concat([prefix, message]));
  return file;
}

async function load(
  { server: file, path, bodyBytes, options }: Load,
  isTls: boolean,
  seconds: number,
): Promise<LoadResult> {
  using server = await startServer(file, isTls ? ["--tls"] : []);
  const url = `${isTls ? "https" : "http"}://${server.host}:${server.port}${path}`;
  const shape = ["-D", String(seconds), "-c", String(CONNECTIONS), "-m", String(STREAMS)];
  const timeoutMs = (seconds + 30) * 1000;
  const output = await runOrFail(["h2load", ...shape, ...options, url], { timeoutMs, advice: INSTALL });
  const count = (what: string): number => {
    const match = new RegExp(`(\\d+) ${what}`).exec(output);
    if (match === null) throw new ToolError(`h2load did not tell what ${what}:\n${output.slice(-2000)}`);
    return Number(match[1]);
  };
  // Everything that was answered must have been answered with 2xx.
  const succeeded = count("2xx");
  const other = count("3xx") + count("4xx") + count("5xx");
  // A call that failed has the HTTP status 200 and no message.
  const [, dataBytes] = /\((\d+)\) data/.exec(output) ?? [];
  const withoutBody = Math.max(0, succeeded - Math.floor(Number(dataBytes ?? 0) / bodyBytes));
  const failed = count("failed") + other + withoutBody;
  const perSecond = Math.round(succeeded / seconds);
  return { succeeded, failed, errored: count("errored"), timeout: count("timeout"), perSecond };
}

await runScript(async ({ seconds }) => {
  if (!Number.isInteger(seconds) || seconds < 1) throw new ToolError("--seconds is a whole number of at least 1");
  mkdirSync(cachePath("h2load"), { recursive: true });
  const version = (await ensureH2load()).trim();
  const grpc = ["-d", writeCall(), "-H", "content-type: application/grpc", "-H", "te: trailers"];
  const loads: readonly Load[] = [
    { name: "http/2", server: "./wire-server.js", path: "/", bodyBytes: 1024, options: [] },
    {
      name: "grpc unary",
      server: "./h2load/grpc-server.js",
      path: "/meshwright.interop.v1.InteropService/Unary",
      // The prefix, and the text that comes back.
      bodyBytes: 11,
      options: grpc,
    },
  ];
  let passed = 0;
  let failed = 0;
  for (const each of loads) {
    for (const isTls of [false, true]) {
      const result = await load(each, isTls, seconds);
      const transport = isTls ? "tls" : "h2c";
      const shape = { seconds, connections: CONNECTIONS, streams: STREAMS };
      console.log(JSON.stringify({ load: each.name, transport, ...shape, ...result, version }));
      const isGood = result.succeeded > 0 && result.failed + result.errored + result.timeout === 0;
      if (isGood) passed += 1;
      else failed += 1;
    }
  }
  return { passed, failed };
});
