import { blankComments } from "./blank-comments.mjs";

/** @typedef {{ path: string, line: number, level: "error" | "warning", message: string }} Finding */

/**
 * A rule that a grep can check. `pattern` is searched in the code without comments, or in the whole text.
 *
 * @typedef {object} Grep
 * @property {RegExp} pattern
 * @property {(path: string) => boolean} where
 * @property {boolean} [inWholeText]
 * @property {(line: string, lineBefore: string) => boolean} [unless]
 * @property {string} message
 */

const MOST_LINES = 500;
const MANY_LINES = 300;

/** @param {string} path */
const isCode = (path) => /\.(ts|mjs)$/.test(path);
/** @param {string} path */
const isTest = (path) => /\.(test|test-d)\.(ts|mjs)$/.test(path) || /(^|\/)test\//.test(path);
/** @param {string} path */
const isRuntime = (path) => path.startsWith("runtime/src/") && isCode(path) && !isTest(path);
/** @param {string} path */
const isMeshCode = (path) => isRuntime(path) || (/^control-plane\/src\/.*\.ts$/.test(path) && !isTest(path));
/** @param {string} path */
const isIndex = (path) => isCode(path) && /\/index\.ts$/.test(path);

/** @type {Grep[]} */
export const greps = [
  {
    pattern:
      /\b(Date\.now|performance\.now|process\.hrtime|AbortSignal\.timeout)\b|(?<!(?<!globalThis)\.)\bset(Timeout|Interval|Immediate)\b|\bnew Date\(\)|["'](node:)?timers(\/promises)?["']/g,
    // The virtual clock steps aside for real IO.
    where: (path) =>
      isMeshCode(path) && !["runtime/src/base/clock.ts", "runtime/src/testing/virtual-clock.ts"].includes(path),
    message:
      "time comes from the injected Clock (runtime/src/base/clock.ts), so that tests can drive it: take a Clock as a parameter.",
  },
  {
    pattern: /\bMath\.random\b/g,
    where: (path) => isMeshCode(path) && path !== "runtime/src/base/rng.ts",
    message:
      "randomness comes from the injected Rng (runtime/src/base/rng.ts), so that tests can repeat it: take an Rng as a parameter.",
  },
  {
    pattern: /\bRegExp\(/g,
    where: (path) => isMeshCode(path) && path !== "runtime/src/route/string-matcher.ts",
    message:
      "a regular expression from configuration runs on re2 with a full match, in runtime/src/route/string-matcher.ts only: use its matcher, or a literal.",
  },
  {
    pattern: /["']node:http2["']/g,
    where: isMeshCode,
    message: "the runtime has its own HTTP/2 and imports node:http2 only in tests, as a peer: use runtime/src/http2/.",
  },
  {
    pattern: /(?:import|export)\s+(?!type\b)[^;"']*from\s*["']\.\.[^"']*\/codegenv1\/[^"']*["']/g,
    where: (path) => isRuntime(path) && /^runtime\/src\/(client|server|mesh)\//.test(path),
    message: "wall codegenv1: the contract with generated code is known by its types only: write `import type`.",
  },
  {
    pattern: /\bimport\(\s*["'][^"']+["']\s*\)\s*\.\s*[A-Z]/g,
    where: (path) => isCode(path) && !isTest(path) && !path.endsWith(".mjs"),
    message: 'the linter does not see the walls through an import("…") type: write `import type` at the top.',
  },
  {
    pattern: /\b(describe|it|test|bench|suite)(\.\w+)*\.only\b/g,
    where: (path) => isCode(path) && isTest(path),
    message: "a focused test hides all others: remove `.only`.",
  },
  {
    pattern: /\b(describe|it|test|bench|suite)(\.\w+)*\.(skip|skipIf|runIf|todo|fails)\b/g,
    where: (path) => isCode(path) && isTest(path),
    unless: (line, lineBefore) => /\/\/ reason: \S/.test(line) || /^\s*\/\/ reason: \S/.test(lineBefore),
    message: "a skipped test needs its reason: put `// reason: …` at the end of this line or above it.",
  },
  {
    pattern: /\bcatch\s*(\([^)]*\)\s*)?\{\s*\}/g,
    where: isCode,
    inWholeText: true,
    message: "an empty catch needs a comment that says why nothing is to be done.",
  },
  {
    pattern: /^export \*/gm,
    where: isIndex,
    message: "an index lists the names that it exports: write `export { … } from`.",
  },
  {
    pattern: /"resolved": "https?:/g,
    where: (path) => path.endsWith("package-lock.json"),
    inWholeText: true,
    message: "the lock file names a registry host: run `npm install` in the workspace, whose .npmrc leaves hosts out.",
  },
  {
    pattern: /(?<![\w.])\/(root|work|Users\/\w+|home\/\w+)\/|\bregistry\.[\w-]+\.(org|com|dev)\b/g,
    where: (path) => path !== "scripts/vet/rules.mjs",
    inWholeText: true,
    message:
      "a path of somebody's machine or the host of a package registry: write a path relative to the workspace, or none.",
  },
];

/**
 * What is wrong with one file.
 *
 * @param {string} path relative to the workspace, with `/`
 * @param {string} text
 * @returns {Finding[]}
 */
export function vetFile(path, text) {
  /** @type {Finding[]} */
  const findings = [];
  const code = isCode(path) ? blankComments(text) : text;
  const lines = text.split("\n");
  for (const { pattern, where, inWholeText, unless, message } of greps) {
    if (!where(path)) continue;
    for (const { index } of (inWholeText ? text : code).matchAll(pattern)) {
      const line = text.slice(0, index).split("\n").length;
      if (unless?.(lines[line - 1] ?? "", lines[line - 2] ?? "")) continue;
      findings.push({ path, line, level: "error", message });
    }
  }
  return [...findings, ...vetLength(path, lines.length - 1), ...vetIndex(path, code), ...vetLock(path, text)];
}

/**
 * What is wrong with where files are. The walls of the linter go by folder names, so every room has its walls and no
 * folder inside a room bears a room's name.
 *
 * @param {readonly string[]} paths
 * @param {string} walls the text of biome.walls.json
 * @returns {Finding[]}
 */
export function vetHouse(paths, walls) {
  /** @type {Finding[]} */
  const findings = [];
  const inRooms = paths.filter((path) => /^runtime\/src\/[^/]+\/./.test(path));
  const rooms = new Set(inRooms.map((path) => path.split("/")[2] ?? ""));
  for (const room of rooms) {
    if (walls.includes(`"runtime/src/${room}/**"`)) continue;
    const message = `the room ${room}/ has no walls: add it to biome.walls.json, its own and those of the other rooms, to scripts/walls.test.ts and to ARCHITECTURE.md.`;
    findings.push({ path: `runtime/src/${room}`, line: 1, level: "error", message });
  }
  for (const path of inRooms) {
    const inner = path
      .split("/")
      .slice(3, -1)
      .find((folder) => rooms.has(folder));
    if (inner === undefined) continue;
    const message = `the folder ${inner}/ inside a room bears the name of a room, which the walls go by: give it another name.`;
    findings.push({ path, line: 1, level: "error", message });
  }
  return findings;
}

/**
 * `npm ci` refuses a lock file that leaves out the binaries of other platforms. npm itself leaves them out when the
 * registry in use lacks them, or when it finds a node_modules of one platform.
 *
 * @param {string} path
 * @param {string} text
 * @returns {Finding[]}
 */
function vetLock(path, text) {
  if (path !== "package-lock.json") return [];
  /** @type {Record<string, { optionalDependencies?: Record<string, string> }>} */
  const packages = JSON.parse(text).packages ?? {};
  const wanted = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
  const missing = wanted.filter((name) => !(`node_modules/${name}` in packages));
  if (missing.length === 0) return [];
  const message = `no entry for ${missing.join(", ")}: npm ci fails without; restore it, or add version, os, cpu and optional as its siblings have.`;
  return [{ path, line: 1, level: "error", message }];
}

/**
 * @param {string} path
 * @param {number} count
 * @returns {Finding[]}
 */
function vetLength(path, count) {
  if (!isCode(path) || count <= MANY_LINES) return [];
  const level = count > MOST_LINES && !isTest(path) ? "error" : "warning";
  return [
    { path, line: 1, level, message: `${count} lines: above ${MANY_LINES} ask why, above ${MOST_LINES} split it.` },
  ];
}

/**
 * @param {string} path
 * @param {string} code
 * @returns {Finding[]}
 */
function vetIndex(path, code) {
  if (!isIndex(path) || !/^(runtime|control-plane|plugin)\/src\//.test(path)) return [];
  const isAllowed =
    /^(runtime|control-plane|plugin)\/src\/index\.ts$|^runtime\/src\/(codegenv1|testing|adapters\/[^/]+)\/index\.ts$/;
  if (!isAllowed.test(path)) {
    const message = "no barrels inside the house: import the file that declares the name.";
    return [{ path, line: 1, level: "error", message }];
  }
  if (path !== "runtime/src/index.ts") return [];
  const rest = code.replace(/export\s+(type\s+)?\{[^}]*\}\s+from\s+"[^"]+";/g, "").trim();
  if (rest === "") return [];
  const line = code.slice(0, code.indexOf(rest.split("\n")[0] ?? "")).split("\n").length;
  return [
    {
      path,
      line,
      level: "error",
      message: "wall index: index.ts only names what others declare: `export { … } from`.",
    },
  ];
}
