import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { create, fromBinary } from "@bufbuild/protobuf";
import { type CodeGeneratorRequest, CodeGeneratorRequestSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** The workspace. */
export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

/** A file of a user's project, by path. */
export type Files = Readonly<Record<string, string>>;

/** A user's project in a temporary folder, with the packages of the workspace. Protos are under `proto/`. */
export class Project implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "meshwright-project-"));

  constructor(files: Files) {
    symlinkSync(join(ROOT, "node_modules"), join(this.folder, "node_modules"));
    this.write({ "package.json": JSON.stringify({ type: "module" }), ...files });
    const modules = [{ path: "proto" }, { path: "node_modules/@meshwright/proto" }];
    this.write({ "buf.yaml": JSON.stringify({ version: "v2", modules }) });
  }

  write(files: Files): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, path)), { recursive: true });
      writeFileSync(join(this.folder, path), text);
    }
  }

  /** Runs both plugins through buf, as users do. */
  generate(options: readonly string[]): { readonly status: number | null; readonly stderr: string } {
    const plugins = ["protoc-gen-es", "protoc-gen-meshwright"].map((local) => ({
      local,
      out: "src/gen",
      opt: [...options],
      strategy: "all",
      include_imports: local === "protoc-gen-es",
    }));
    const template = JSON.stringify({ version: "v2", inputs: [{ directory: "proto" }], plugins });
    return this.run("buf", ["generate", "--template", template]);
  }

  run(command: string, args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
    const path = `${join(ROOT, "node_modules", ".bin")}:${process.env["PATH"]}`;
    return spawnSync(command, args, { cwd: this.folder, env: { ...process.env, PATH: path }, encoding: "utf8" });
  }

  /** What a compiler sends to the plugin for all protos of the project. */
  request(parameter = "target=ts,import_extension=js"): CodeGeneratorRequest {
    const buf = join(ROOT, "node_modules", ".bin", "buf");
    const image = execFileSync(buf, ["build", "proto", "-o", "-#format=binpb"], { cwd: this.folder });
    const { file } = fromBinary(FileDescriptorSetSchema, image);
    const fileToGenerate = file.map(({ name }) => name).filter((name) => !/^(google|meshwright)\//.test(name));
    return create(CodeGeneratorRequestSchema, { parameter, protoFile: file, fileToGenerate });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
