import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { generate, protoOf } from "../test/generate.js";

const FILE = "acme/test/v1/test.proto";
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OPTIONS = 'import "meshwright/options/v1/options.proto";';

function stub(body: string, header = "", parameter?: string): string {
  const files = generate({ [FILE]: protoOf(body, header) }, parameter);
  const [content = ""] = [...files.values()];
  return content;
}

const ALL_KINDS = `
// Does \`things\`. */ export const evil = 1; /*
service ThingService {
  // One thing.
  rpc One(Request) returns (Response) { option idempotency_level = IDEMPOTENT; }
  rpc Down(Request) returns (stream Response);
  rpc Up(stream Request) returns (Response);
  rpc Both(stream Request) returns (stream Response);
}`;

describe("generated code", () => {
  it("has a client interface with the proto's comments for all four kinds", () => {
    const code = stub(ALL_KINDS);
    expect(code).toContain("export interface ThingClient {");
    expect(code).toContain("   * One thing.");
    expect(code).toContain(
      "  one(request: MessageInitShape<typeof RequestSchema>, options?: CallOptions): Promise<Response>;",
    );
    expect(code).toContain("options?: CallOptions): AsyncIterable<Response>;");
    expect(code).toContain("up(request: AsyncIterable<MessageInitShape<typeof RequestSchema>>");
  });

  it("has the factory, the handlers, paths, kinds and the mesh constants", () => {
    const code = stub(ALL_KINDS);
    expect(code).toContain("export function createThingClient(mesh: ClientMesh): ThingClient {");
    expect(code).toContain("export function thingService(handlers: ThingHandlers)");
    expect(code).toContain('  one: "/acme.test.v1.ThingService/One",');
    expect(code).toContain('  both: "bidi_streaming",');
    expect(code).toContain('  host: "acme.test.v1.thingservice.rpc.mesh",');
    expect(code).toMatch(/one: \{\n.*\n.*\n {6}idempotent: true,/);
    expect(code).toMatch(/down: \{\n.*\n.*\n {6}idempotent: false,/);
  });

  it("lets no comment out of its place", () => {
    expect(stub(ALL_KINDS)).not.toMatch(/^export const evil/m);
  });

  it("takes host, port and timeout from the proto's options", () => {
    const code = stub(
      `service ThingService {
  option (meshwright.options.v1.service) = {host: "things.shop.svc.cluster.local", port: 8080};
  rpc One(Request) returns (Response) { option (meshwright.options.v1.method).timeout_ms = 250; }
}`,
      OPTIONS,
    );
    expect(code).toContain('  host: "things.shop.svc.cluster.local",\n  port: 8080,');
    expect(code).toContain("      timeoutMs: 250,");
  });

  it("keeps whole names where two services would share one", () => {
    const code = stub(
      "service Thing { rpc A(Request) returns (Response); } service ThingService { rpc A(Request) returns (Response); }",
    );
    expect(code).toContain("createThingClient(");
    expect(code).toContain("createThingServiceClient(");
  });

  it("has nothing for a file without services", () => {
    expect(generate({ [FILE]: protoOf("") }).size).toBe(0);
  });

  it("is the same whatever the order of the files", () => {
    const protos = {
      [FILE]: protoOf(ALL_KINDS),
      "acme/test/v1/b.proto": protoOf("").replace("acme.test.v1", "acme.b.v1"),
    };
    const reversed = Object.fromEntries(Object.entries(protos).reverse());
    expect(generate(protos).get("acme/test/v1/test_mesh.ts")).toBe(generate(reversed).get("acme/test/v1/test_mesh.ts"));
  });

  it.for(["target=ts", "target=js+dts", "target=js", "target=dts", "target=ts,import_extension=none"])(
    "obeys %s",
    (parameter) => {
      const names = [...generate({ [FILE]: protoOf(ALL_KINDS) }, parameter).keys()].map((name) =>
        name.replace(/^.*test_mesh/, ""),
      );
      const target = /target=([a-z+]+)/.exec(parameter)?.[1] ?? "";
      const expected = { ts: [".ts"], "js+dts": [".js", ".d.ts"], js: [".js"], dts: [".d.ts"] }[target];
      expect(names.sort()).toEqual(expected?.sort());
    },
  );

  it("compiles under the strictest flags, as TypeScript and as JavaScript with declarations", {
    timeout: 60_000,
  }, () => {
    const folder = mkdtempSync(join(tmpdir(), "meshwright-compile-"));
    try {
      symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
      writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
      const body = `
message Nested { message Inner { string constructor = 1; } }
service ThingService {
  rpc One(Request) returns (Response);
  rpc Delete(stream Nested.Inner) returns (stream google.protobuf.Empty);
  rpc Constructor(Nested) returns (google.protobuf.StringValue);
  rpc ToString(google.protobuf.Any) returns (stream Response);
}`;
      const imports = ["any", "empty", "wrappers"].map((name) => `import "google/protobuf/${name}.proto";`).join("\n");
      const proto = protoOf(body, imports);
      writeFileSync(join(folder, "test.proto"), proto);
      writeFileSync(
        join(folder, "buf.yaml"),
        JSON.stringify({ version: "v2", modules: [{ path: ".", excludes: ["node_modules"] }] }),
      );
      for (const [out, target] of [
        ["ts", "target=ts"],
        ["js", "target=js+dts"],
      ] as const) {
        const plugins = ["protoc-gen-es", "protoc-gen-meshwright"].map((local) => ({
          local,
          out,
          opt: [target, "import_extension=js"],
        }));
        const template = JSON.stringify({ version: "v2", plugins });
        const path = `${join(ROOT, "node_modules", ".bin")}:${process.env["PATH"]}`;
        execFileSync("buf", ["generate", "--template", template], { cwd: folder, env: { ...process.env, PATH: path } });
      }
      const compilerOptions = {
        rootDir: ".",
        outDir: "out",
        noEmit: false,
        types: ["node"],
        typeRoots: [join(ROOT, "node_modules", "@types")],
      };
      writeFileSync(
        join(folder, "tsconfig.json"),
        JSON.stringify({ extends: join(ROOT, "tsconfig.base.json"), compilerOptions, include: ["ts", "js"] }),
      );
      const { stdout, status } = spawnSync(join(ROOT, "node_modules", ".bin", "tsc"), ["-p", folder], {
        encoding: "utf8",
      });
      expect(stdout).toBe("");
      expect(status).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("bad input", () => {
  const LONG = "L".repeat(70);

  it.for([
    {
      name: "an unknown option",
      body: "service S { rpc A(Request) returns (Response); }",
      parameter: "target=ts,mesh_domian=x",
      message: 'unknown option "mesh_domian"; known are mesh_domain, target,',
    },
    {
      name: "a domain that is none",
      body: "service S { rpc A(Request) returns (Response); }",
      parameter: "target=ts,mesh_domain=Not_One",
      message: 'option mesh_domain: "Not_One" is not a domain; expected lower-case labels',
    },
    {
      name: "two methods that become one name",
      body: "service S {\n  rpc GetX(Request) returns (Response);\n  rpc getX(Request) returns (Response);\n}",
      message:
        "acme/test/v1/test.proto:8: method acme.test.v1.S.getX: becomes getX in TypeScript, as GetX does; rename one",
    },
    {
      name: "a method that would make clients thenable",
      body: "service S {\n  rpc Then(Request) returns (Response);\n}",
      message: "acme/test/v1/test.proto:7: method acme.test.v1.S.Then: becomes then in TypeScript",
    },
    {
      name: "a name too long for a host",
      body: `service ${LONG} { rpc A(Request) returns (Response); }`,
      message: "acme/test/v1/test.proto:6: service acme.test.v1.LLLL",
    },
    {
      name: "a port out of range",
      body: "service S {\n option (meshwright.options.v1.service).port = 70000; rpc A(Request) returns (Response); }",
      header: OPTIONS,
      message: "option (meshwright.options.v1.service).port: 70000 must be in 1 to 65535",
    },
    {
      name: "a host that is none",
      body: 'service S {\n option (meshwright.options.v1.service).host = "a..b"; rpc A(Request) returns (Response); }',
      header: OPTIONS,
      message: 'mesh host "a..b" has the label "", which is not a host name\'s; set option',
    },
  ])("refuses $name and says where", ({ body, header, parameter, message }) => {
    expect(() => stub(body, header, parameter)).toThrow(message);
  });

  it("ends with a message when what comes on standard input is no request", () => {
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [join(ROOT, "plugin", "bin", "protoc-gen-meshwright.js")],
      {
        input: Buffer.from([0xff, 0xff, 0xff]),
        encoding: "utf8",
      },
    );
    expect(status).not.toBe(0);
    expect(stderr).not.toBe("");
    expect(stdout).toBe("");
  });
});
