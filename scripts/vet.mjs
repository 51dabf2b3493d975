// House rules that the linter cannot express, each with a message that says what to do instead. `npm run check` runs
// this; vet/rules.mjs holds the rules.
import { readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { filesBelow } from "./setup/files.mjs";
import { root } from "./setup/root.mjs";
import { vetFile, vetHouse } from "./vet/rules.mjs";

const SKIPPED_FOLDERS = new Set(["dist", "gen", "coverage"]);
const VETTED = /\.(ts|mjs|js|json|md|ya?ml|proto|html|css|sh)$|(^|\/)(\.ci\/run|\.npmrc|\.gitignore)$/;

const paths = filesBelow(root, (name, isFolder) => !(isFolder && SKIPPED_FOLDERS.has(name)))
  .map((file) => relative(root, file).split(sep).join("/"))
  .filter((path) => VETTED.test(path) && path !== "scripts/vet/rules.test.ts");
const walls = readFileSync(join(root, "biome.walls.json"), "utf8");

const findings = [
  ...vetHouse(paths, walls),
  ...paths.flatMap((path) => vetFile(path, readFileSync(join(root, path), "utf8"))),
];
for (const { path, line, level, message } of findings) console.log(`${path}:${line}: ${level}: ${message}`);
const errors = findings.filter(({ level }) => level === "error").length;
console.log(`vet: ${paths.length} files, ${errors} errors, ${findings.length - errors} warnings`);
process.exitCode = errors === 0 ? 0 : 1;
