// The root scripts of package.json: `node scripts/run.mjs COMMAND [arguments]`. Works before anything is installed.
import { whyNodeIsTooOld } from "./setup/node-version.mjs";

const tooOld = whyNodeIsTooOld(process.version);
if (tooOld !== undefined) {
  console.error(tooOld);
  process.exit(1);
}

const { CommandError, runInForeground } = await import("./setup/command.mjs");
const { setup } = await import("./setup.mjs");

/** @param {string} path */
const node = (path) => [process.execPath, path];

/** @type {Record<string, (args: string[]) => Promise<number | void>>} */
const commands = {
  setup: () => setup(),
  generate: () => setup({ until: "stubs", force: true }),
  build: () => setup(),
  demo: (args) => afterSetup([...node("examples/greeter/dist/demo/main.js"), ...args]),
  test: (args) => afterSetup([...node("node_modules/vitest/vitest.mjs"), "run", ...args]),
  "test:attacks": (args) => afterSetup(longTests("interop/attacks", args)),
  "test:cancels": (args) => afterSetup(longTests("interop/cancels", secondsToEnv(args))),
  bench: (args) => afterSetup([...node("bench/dist/main.js"), ...args]),
  "test:h2spec": (args) => afterSetup([...node("interop/dist/h2spec/main.js"), ...args]),
  fuzz: (args) => afterSetup([...node("fuzz/dist/main.js"), ...args]),
  "test:hpack": (args) => afterSetup([...node("interop/dist/hpack/main.js"), ...args]),
  "test:h2load": (args) => afterSetup([...node("interop/dist/h2load/main.js"), ...args]),
  check: (args) => afterSetup([...node("scripts/check.mjs"), ...args]),
  format: (args) => afterInstall(["biome", "format", "--write", ...args]),
  fix: (args) => afterInstall(["biome", "check", "--write", ...args]),
};

/**
 * Tests that take minutes, against processes of their own.
 *
 * @param {string} folder
 * @param {readonly string[]} args
 */
function longTests(folder, args) {
  return [
    ...node("node_modules/vitest/vitest.mjs"),
    "run",
    "--config=vitest.attacks.config.ts",
    "--dir",
    folder,
    ...args,
  ];
}

/**
 * `--seconds N` says how long they take.
 *
 * @param {readonly string[]} args
 */
function secondsToEnv(args) {
  const index = args.indexOf("--seconds");
  if (index === -1) return args;
  const seconds = Number(args[index + 1]);
  if (!(seconds > 0)) throw new CommandError("--seconds needs a number above 0", "", "Such as --seconds 60.");
  process.env.MESHWRIGHT_CANCEL_SECONDS = String(seconds);
  return args.filter((_, at) => at !== index && at !== index + 1);
}

/** @param {readonly string[]} command */
async function afterSetup(command) {
  await setup();
  return runInForeground(command);
}

/** @param {readonly string[]} command */
async function afterInstall(command) {
  await setup({ until: "bindings" });
  return runInForeground(command);
}

const [name = "", ...args] = process.argv.slice(2);
const command = commands[name];
if (command === undefined) {
  console.error(`unknown command "${name}"; there are: ${Object.keys(commands).join(", ")}`);
  process.exit(1);
}
try {
  process.exitCode = (await command(args)) ?? 0;
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  console.error(`${error.output.trimEnd()}\n\n${error.message}\n${error.advice}`);
  process.exitCode = 1;
}
