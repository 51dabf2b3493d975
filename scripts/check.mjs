// Everything that is checked without running the code. Goes on after a failure, so that one run tells all.
//
// `npm run check` does all of it; `npm run check -- biome vet` does the named ones.
import { CommandError, runQuietly } from "./setup/command.mjs";

const packages = ["proto", "plugin", "runtime", "control-plane", "cli"];

/** @param {string} path */
const node = (path) => [process.execPath, path];

/** @type {Record<string, { command: string[], cwd?: string, advice: string }>} */
const checks = {
  types: {
    // The sources were compiled by the set-up; this adds the tests and the scripts.
    command: [...node("node_modules/typescript/bin/tsc"), "-p", "tsconfig.test.json"],
    advice: "Fix the types of the tests or scripts above.",
  },
  biome: {
    command: [
      "biome",
      "ci",
      "--error-on-warnings",
      "--max-diagnostics=100",
      "--diagnostic-level=warn",
      `--colors=${process.stdout.isTTY ? "force" : "off"}`,
    ],
    advice:
      '`npm run fix` repairs what can be repaired; a message that starts with "wall" says where the code belongs.',
  },
  vet: { command: node("scripts/vet.mjs"), advice: "Each line says what to do instead." },
  buf: { command: ["buf", "lint", "proto"], advice: "Fix the .proto files above." },
  knip: {
    command: ["knip", "--no-progress"],
    advice: "Remove what nobody uses, or declare the dependency in the package that uses it.",
  },
};
for (const name of packages) {
  const advice = `Fix package.json of ${name}/.`;
  checks[`publint ${name}`] = { command: ["publint", "--strict", "--pack", "npm"], cwd: name, advice };
  // A package without entries has no types to check; the pattern of proto/ cannot be expanded by attw.
  if (["proto", "cli"].includes(name)) continue;
  checks[`attw ${name}`] = { command: ["attw", "--pack", "--profile", "esm-only", "--no-emoji"], cwd: name, advice };
}

const asked = process.argv.slice(2);
const chosen = Object.keys(checks).filter((name) => asked.length === 0 || asked.some((word) => name.startsWith(word)));
if (chosen.length === 0) {
  console.error(`no such check; there are: ${Object.keys(checks).join(", ")}`);
  process.exit(1);
}

const failed = [];
for (const name of chosen) {
  const { command, cwd, advice } = checks[name] ?? { command: [], advice: "" };
  const startMs = performance.now();
  const say = (/** @type {string} */ word) =>
    console.log(`check: ${name.padEnd(22)} ${word} ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  try {
    await runQuietly(command, { ...(cwd === undefined ? {} : { cwd }), advice });
    say("ok    ");
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    failed.push(name);
    say("FAILED");
    console.log(`\n${error.output.trimEnd()}\n\n${error.message}\n${error.advice}\n`);
  }
}
if (failed.length > 0) {
  console.log(`check: ${failed.length} of ${chosen.length} failed: ${failed.join(", ")}`);
  process.exitCode = 1;
}
