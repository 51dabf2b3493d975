import { existsSync, readFileSync, rmSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { generateBindings, generateProjects, projectFolders } from "../generate.mjs";
import { runQuietly } from "./command.mjs";
import { filesBelow } from "./files.mjs";
import { root } from "./root.mjs";

/**
 * One step of the set-up after the install. `inputs` and `outputs` list files; `run` makes the one from the other.
 *
 * @typedef {object} Step
 * @property {string} name
 * @property {string} doing what the user reads while it runs
 * @property {() => boolean} isNeeded
 * @property {() => string[]} inputs
 * @property {() => string[]} outputs
 * @property {() => Promise<void>} run
 */

const tsc = join(root, "node_modules", "typescript", "bin", "tsc");

/** @param {...string} path */
const at = (...path) => join(root, ...path);

/** @param {string} name */
const isTest = (name) => /\.(test|test-d)\.ts$/.test(name);

/**
 * @param {string} folder
 * @returns {string[]}
 */
function sourcesBelow(folder) {
  return filesBelow(folder, (name, isFolder) =>
    isFolder ? name !== "dist" && name !== "test" : /\.ts$/.test(name) && !isTest(name),
  );
}

/** @param {string} folder */
function protosBelow(folder) {
  return filesBelow(folder, (name, isFolder) => isFolder || name.endsWith(".proto"));
}

/** The folders of the TypeScript projects, from the root tsconfig.json. */
function tsProjects() {
  /** @type {{ references: { path: string }[] }} */
  const config = JSON.parse(readFileSync(at("tsconfig.json"), "utf8"));
  return config.references.map(({ path }) => at(path));
}

/** @param {string} project */
const sourceFolder = (project) => join(project, existsSync(join(project, "src")) ? "src" : "gen");

/** @type {Step} */
const bindings = {
  name: "bindings",
  doing: "generating the protobuf bindings",
  isNeeded: () => true,
  inputs: () => [
    ...protosBelow(at("proto")),
    at("buf.yaml"),
    at("buf.gen.yaml"),
    at("package-lock.json"),
    at("scripts", "generate.mjs"),
  ],
  outputs: () => filesBelow(at("proto", "gen")),
  run: generateBindings,
};

/** @type {Step} */
const stubs = {
  name: "stubs",
  doing: "generating the stubs of the examples",
  isNeeded: () => projectFolders().length > 0,
  inputs: () => [
    ...sourcesBelow(at("plugin")),
    ...filesBelow(at("plugin", "bin")),
    ...filesBelow(at("proto", "gen", "meshwright")),
    at("package-lock.json"),
    at("scripts", "generate.mjs"),
    ...projectFolders().flatMap((folder) =>
      filesBelow(at(folder), (name, isFolder) =>
        isFolder ? !["dist", "gen"].includes(name) : name.endsWith(".proto") || /^buf\..*yaml$/.test(name),
      ),
    ),
  ],
  outputs: () =>
    projectFolders().flatMap((folder) =>
      filesBelow(at(folder), (name) => name !== "dist").filter((file) => /[\\/]gen[\\/]/.test(file)),
    ),
  async run() {
    // Projects are generated with the plugin as a user has it: compiled, from node_modules/.bin.
    await compile([at("proto"), at("plugin")]);
    await generateProjects();
  },
};

/** @type {Step} */
const build = {
  name: "build",
  doing: "compiling",
  isNeeded: () => true,
  inputs: () => [
    at("tsconfig.json"),
    at("tsconfig.base.json"),
    at("package-lock.json"),
    ...tsProjects().flatMap((project) => [
      join(project, "tsconfig.json"),
      join(project, "package.json"),
      ...sourcesBelow(sourceFolder(project)),
    ]),
  ],
  outputs: () => tsProjects().flatMap((project) => filesBelow(join(project, "dist"))),
  run: () => compile(tsProjects()),
};

/** The steps in their order; later ones read what earlier ones wrote. */
export const steps = [bindings, stubs, build];

/** @param {string[]} projects */
async function compile(projects) {
  for (const project of projects) tidyDist(project);
  const advice = "Fix the errors above and run the command again.";
  await runQuietly([process.execPath, tsc, "-b", ...projects], { advice });
}

/**
 * Removes from dist what has no source any more, and the build's memory when an output is missing: `tsc -b` trusts that
 * memory and looks at neither.
 *
 * @param {string} project
 */
function tidyDist(project) {
  const from = sourceFolder(project);
  const dist = join(project, "dist");
  const memory = join(dist, ".tsbuildinfo");
  const wanted = new Set(sourcesBelow(from).map((file) => relative(from, file).replace(/(\.d)?\.ts$/, "")));
  const found = new Set();
  for (const file of filesBelow(dist)) {
    if (file === memory) continue;
    const name = relative(dist, file).replace(/(\.d\.ts|\.js)(\.map)?$/, "");
    if (!wanted.has(name)) rmSync(file);
    else if (file.endsWith(".js")) found.add(name);
  }
  const isComplete = [...wanted].every((name) => found.has(name));
  if (!isComplete && existsSync(memory)) rmSync(memory);
}

/** @returns {string[]} */
export function npmCommand() {
  const path = process.env.npm_execpath ?? "";
  if (basename(path).startsWith("npm") && /\.c?js$/.test(path)) return [process.execPath, path];
  return [process.platform === "win32" ? "npm.cmd" : "npm"];
}
