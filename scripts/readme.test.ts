import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FENCE = /^( *)```ts\n([\s\S]*?)^ *```$/gm;

it("has TypeScript in the README that compiles under the flags of the workspace", { timeout: 60_000 }, () => {
  const snippets = [...readFileSync(join(ROOT, "README.md"), "utf8").matchAll(FENCE)].map(([, , code]) => code ?? "");
  expect(snippets.length).toBeGreaterThan(1);
  const folder = mkdtempSync(join(tmpdir(), "meshwright-readme-"));
  try {
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    symlinkSync(join(ROOT, "examples", "greeter", "src", "gen"), join(folder, "gen"));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    for (const [index, code] of snippets.entries()) writeFileSync(join(folder, `snippet-${index}.ts`), code);
    const typeRoots = [join(ROOT, "node_modules", "@types")];
    const compilerOptions = { noEmit: true, composite: false, typeRoots, preserveSymlinks: true };
    const config = { extends: join(ROOT, "tsconfig.base.json"), compilerOptions, include: ["snippet-*.ts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(ROOT, "node_modules", ".bin", "tsc");
    const { stdout, status } = spawnSync(tsc, ["-p", folder], { encoding: "utf8" });
    expect(stdout).toBe("");
    expect(status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
