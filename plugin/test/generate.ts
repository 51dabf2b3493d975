import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { create, fromBinary } from "@bufbuild/protobuf";
import { CodeGeneratorRequestSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { meshwrightPlugin } from "../src/plugin.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BUF = join(ROOT, "node_modules", ".bin", "buf");

/** Compiles protos and runs the plugin on them in this process; returns what it made, by file name. */
export function generate(
  protos: Readonly<Record<string, string>>,
  parameter = "target=ts,import_extension=js",
): ReadonlyMap<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "meshwright-plugin-"));
  try {
    for (const [name, text] of Object.entries(protos)) {
      mkdirSync(dirname(join(folder, "proto", name)), { recursive: true });
      writeFileSync(join(folder, "proto", name), text);
    }
    const modules = [{ path: "proto" }];
    writeFileSync(join(folder, "buf.yaml"), JSON.stringify({ version: "v2", modules }));
    const options = join(folder, "proto", "meshwright", "options", "v1", "options.proto");
    mkdirSync(dirname(options), { recursive: true });
    execFileSync("cp", [join(ROOT, "proto", "meshwright", "options", "v1", "options.proto"), options]);
    const image = execFileSync(BUF, ["build", "-o", "-#format=binpb"], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const set = fromBinary(FileDescriptorSetSchema, image);
    const response = meshwrightPlugin.run(
      create(CodeGeneratorRequestSchema, { fileToGenerate: Object.keys(protos), protoFile: set.file, parameter }),
    );
    if (response.error !== "") throw new Error(response.error);
    return new Map(response.file.map(({ name, content }) => [name, content]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A proto file with one service. */
export function protoOf(body: string, header = ""): string {
  return `syntax = "proto3";
package acme.test.v1;
${header}
message Request { string name = 1; }
message Response { string text = 1; }
${body}
`;
}
