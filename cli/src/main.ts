import { createRequire } from "node:module";
import { controlPlaneCommand } from "./control-plane-command.js";
import { UsageError } from "./usage-error.js";

const COMMANDS: Readonly<Record<string, (args: string[]) => Promise<number>>> = {
  "control-plane": controlPlaneCommand,
};

const HELP = `Usage: meshwright COMMAND [options]

Commands:
  control-plane   serve xDS from a folder of Istio YAML; servers register with it

Options:
  -h, --help      what a command takes: meshwright COMMAND --help
      --version   the version

Exit codes: 0 ended in order, 1 failed, 2 called wrongly.
`;

/** Runs the command line; returns the exit code. */
async function main([name, ...args]: string[]): Promise<number> {
  switch (name) {
    case undefined:
      process.stderr.write(HELP);
      return 2;
    case "-h":
    case "--help":
      process.stdout.write(HELP);
      return 0;
    case "--version":
      process.stdout.write(`${(createRequire(import.meta.url)("../package.json") as { version: string }).version}\n`);
      return 0;
  }
  const command = COMMANDS[name];
  if (command === undefined) {
    throw new UsageError(`unknown command "${name}"; known are ${Object.keys(COMMANDS).join(", ")}`);
  }
  return command(args);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`meshwright: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
