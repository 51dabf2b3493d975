import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { CodeGeneratorRequestSchema, CodeGeneratorResponseSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { Project, ROOT } from "../test/buf.js";
import { crafted, serviceOf } from "../test/crafted.js";
import { VERSION } from "./plugin.js";
import { readRequest } from "./run-on-bytes.js";

function execute(input: Uint8Array, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, "plugin", "bin", "protoc-gen-meshwright.js"), ...args],
    { input, env: { ...process.env, ...env }, maxBuffer: 2 ** 28 },
  );
  return { status, stdout, stderr: stderr.toString() };
}

describe("protoc-gen-meshwright", () => {
  it.for([
    { name: "bytes that are no message", input: Buffer.from([0xff, 0xff, 0xff]) },
    { name: "text", input: Buffer.from("hello") },
    {
      name: "a request cut short",
      input: Buffer.from(toBinary(CodeGeneratorRequestSchema, crafted([{}])).slice(0, -3)),
    },
  ])("ends with a message on $name", ({ input }) => {
    const { status, stdout, stderr } = execute(input);
    expect(status).toBe(1);
    expect(stderr).toBe(
      "protoc-gen-meshwright: standard input is no google.protobuf.compiler.CodeGeneratorRequest; run the plugin " +
        "through buf or protoc\n",
    );
    expect(stdout).toHaveLength(0);
  });

  it("ends with a message on a request that contradicts itself", () => {
    const request = create(CodeGeneratorRequestSchema, { fileToGenerate: ["a.proto"] });
    const { status, stdout, stderr } = execute(toBinary(CodeGeneratorRequestSchema, request));
    expect(status).toBe(1);
    expect(stderr).toMatch(/^protoc-gen-meshwright: .*a\.proto/);
    expect(stdout).toHaveLength(0);
  });

  it("reports what the user must change as the response's error, without files", () => {
    const request = crafted([{ name: "good.proto" }, { service: [serviceOf("S", ["Then"], "acme.p1")] }]);
    const { status, stdout } = execute(toBinary(CodeGeneratorRequestSchema, request));
    expect(status).toBe(0);
    const { error, file } = fromBinary(CodeGeneratorResponseSchema, stdout);
    expect(error).toContain("becomes then");
    expect(file).toEqual([]);
  });

  it("gives the same bytes for files in any order, in any locale and any folder", () => {
    const files = ["Aa", "Ab", "Z", "a"].map((name, index) => ({
      name: `acme/${index}.proto`,
      package: `acme.p${index}`,
      messageType: ["Aa", "Ab", "M", "Z"].map((message) => ({ name: message })),
      service: [
        {
          name: `${name}Calls`,
          method: ["Aa", "Ab", "Z"].map((message) => ({
            name: `Get${message}`,
            inputType: `.acme.p${index}.${message}`,
            outputType: `.acme.p${index}.${message}`,
          })),
        },
      ],
    }));
    const bytes = toBinary(CodeGeneratorRequestSchema, crafted(files));
    const reversed = toBinary(CodeGeneratorRequestSchema, crafted([...files].reverse()));
    const { stdout, stderr } = execute(bytes, [], { LC_ALL: "C" });
    expect(stderr).toBe("");
    expect(stdout.length).toBeGreaterThan(4000);
    // In Danish, "Aa" comes after "Z".
    expect(execute(bytes, [], { LC_ALL: "da_DK.UTF-8" }).stdout.equals(stdout)).toBe(true);
    expect(execute(reversed, [], { LC_ALL: "et_EE.UTF-8" }).stdout.equals(stdout)).toBe(true);
  });

  it("tells its version, and that it takes no arguments", () => {
    expect(execute(Buffer.of(), ["--version"]).stdout.toString()).toBe(`protoc-gen-meshwright v${VERSION}\n`);
    const { status, stderr } = execute(Buffer.of(), ["a.proto"]);
    expect(status).toBe(1);
    expect(stderr).toContain("takes no arguments");
  });

  it("has the version of its package", () => {
    expect(JSON.parse(readFileSync(join(ROOT, "plugin", "package.json"), "utf8"))).toMatchObject({ version: VERSION });
  });
});

describe("readRequest", () => {
  it("stops at 64 MiB", async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      const chunk = new Uint8Array(2 ** 20);
      for (;;) yield chunk;
    }
    await expect(readRequest(endless())).rejects.toThrow("the request is larger than 67108864 bytes");
  });
});

describe("buf generate", () => {
  it("fails with the line of the proto, and leaves no file of ours", { timeout: 30_000 }, () => {
    using project = new Project({
      "proto/a.proto": 'syntax = "proto3"; package a; message M {} service Good { rpc Get(M) returns (M); }',
      "proto/b.proto": 'syntax = "proto3";\npackage b;\nmessage M {}\nservice Bad {\n  rpc Then(M) returns (M);\n}\n',
    });
    const { status, stderr } = project.generate(["target=ts"]);
    expect(status).not.toBe(0);
    expect(stderr).toContain("b.proto:5: method b.Bad.Then: becomes then in TypeScript");
    expect(existsSync(join(project.folder, "src/gen/a_mesh.ts"))).toBe(false);
  });
});
