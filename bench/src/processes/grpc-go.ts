import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(new URL("../../grpc-go/", import.meta.url));
const CACHE = fileURLToPath(new URL("../../../.cache/bench/", import.meta.url));

/** The program of bench/grpc-go/, built if it is not there yet. Throws when it can't be built. */
export function grpcGo(): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(SOURCES).sort()) hash.update(name).update(readFileSync(join(SOURCES, name)));
  const program = join(CACHE, `grpc-go-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(program)) return program;
  process.stderr.write("bench: building grpc-go, which takes about a minute the first time\n");
  const { error, status } = spawnSync("go", ["build", "-trimpath", "-o", program, "."], {
    cwd: SOURCES,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (error !== undefined) {
    throw new Error(`can't run go (${error.message}), which builds grpc-go: install Go 1.26 or newer`, {
      cause: error,
    });
  }
  if (status !== 0) throw new Error("can't build grpc-go (bench/grpc-go): go build failed, see above");
  return program;
}
