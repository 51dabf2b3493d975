import { meshwrightPlugin } from "./plugin.js";
import { readRequest, runOnBytes } from "./run-on-bytes.js";

const [argument, ...others] = process.argv.slice(2);
if (others.length === 0 && (argument === "--version" || argument === "-v")) {
  process.stdout.write(`${meshwrightPlugin.name} ${meshwrightPlugin.version}\n`);
} else if (argument !== undefined) {
  fail("takes no arguments; it reads a request from standard input, as buf generate and protoc send it");
} else {
  try {
    process.stdout.write(runOnBytes(await readRequest(process.stdin)));
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
}

// Not process.exit(): what was written to a pipe must get through.
function fail(message: string): void {
  process.stderr.write(`${meshwrightPlugin.name}: ${message}\n`);
  process.exitCode = 1;
}
