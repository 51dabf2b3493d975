import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cachePath, root, runOrFail, ToolError } from "../workspace.js";

/** The conformance suites: for servers, and for clients. */
export interface H2specTools {
  readonly h2spec: string;
  readonly h2specd: string;
}

const INSTALL_GO =
  "the HTTP/2 conformance suites are Go programs; install Go 1.23 or newer (Debian: apt-get install golang-go) and run this again";

/** Builds the suites that interop/h2spec pins, unless they are there. */
export async function buildH2spec(): Promise<H2specTools> {
  const module = join(root, "interop", "h2spec");
  const hash = createHash("sha256");
  for (const name of ["go.mod", "go.sum", "tools.go"]) hash.update(readFileSync(join(module, name)));
  const folder = cachePath("h2spec", hash.digest("hex").slice(0, 12));
  if (!existsSync(folder)) {
    console.log("h2spec: building the suites");
    const fresh = `${folder}.${process.pid}`;
    mkdirSync(fresh, { recursive: true });
    const packages = ["h2spec", "h2specd"].map((name) => `github.com/summerwind/h2spec/cmd/${name}`);
    const build = ["go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", `${fresh}/`, ...packages];
    try {
      await runOrFail(build, { cwd: module, advice: INSTALL_GO });
      renameSync(fresh, folder);
    } catch (error) {
      rmSync(fresh, { recursive: true, force: true });
      // Another run may have been faster.
      if (!existsSync(folder)) throw error;
    }
  }
  const tools = { h2spec: join(folder, "h2spec"), h2specd: join(folder, "h2specd") };
  for (const file of Object.values(tools)) {
    if (!existsSync(file)) throw new ToolError(`${file} is missing: remove ${folder} and run this again`);
  }
  return tools;
}
