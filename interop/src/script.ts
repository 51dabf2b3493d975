import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ToolError } from "./workspace.js";

/** How many checks of a script held. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/**
 * Runs a script's work, prints its counts in the last line and, with `--json FILE`, writes them as a test runner's
 * report. Exit code 1 unless something passed and nothing failed. A {@link ToolError} is printed without its stack.
 */
export async function runScript(work: (options: ScriptOptions) => Promise<Counts>): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: "string" }, seconds: { type: "string" } } });
  try {
    const { passed, failed } = await work({ seconds: Number(values.seconds ?? 60) });
    if (values.json !== undefined) {
      writeFileSync(values.json, `${JSON.stringify({ numPassedTests: passed, numFailedTests: failed })}\n`);
    }
    console.log(`${passed} passed, ${failed} failed`);
    process.exitCode = passed > 0 && failed === 0 ? 0 : 1;
  } catch (error) {
    console.error(error instanceof ToolError ? error.message : error);
    process.exitCode = 1;
  }
}

/** What the command line asks for. */
export interface ScriptOptions {
  /** How long a load lasts. Defaults to 60. */
  readonly seconds: number;
}
