import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { Project, ROOT } from "../test/buf.js";
import { NASTY_PROTOS, typeAssertions } from "../test/nasty.js";

const cases = [
  {
    name: "TypeScript with import_extension=js, for Node",
    options: ["target=ts", "import_extension=js"],
    extension: ".js",
    compilerOptions: {},
  },
  {
    name: "TypeScript with import_extension=none, for a bundler",
    options: ["target=ts", "import_extension=none"],
    extension: "",
    compilerOptions: { module: "esnext", moduleResolution: "bundler" },
  },
  {
    name: "JavaScript with declarations",
    options: ["target=js+dts", "import_extension=js"],
    extension: ".js",
    compilerOptions: {},
  },
] as const;

describe("generated code", () => {
  it.for(cases)(
    "compiles under the strictest flags: $name",
    { timeout: 60_000 },
    ({ options, extension, compilerOptions }) => {
      using project = new Project({
        ...NASTY_PROTOS,
        "src/assertions.ts": typeAssertions(extension),
        "tsconfig.json": JSON.stringify({
          extends: join(ROOT, "tsconfig.base.json"),
          compilerOptions: { ...compilerOptions, rootDir: "src", outDir: "out", noUnusedParameters: true },
          include: ["src"],
        }),
      });
      expect(project.generate(options)).toMatchObject({ status: 0 });
      expect(project.run("tsc", ["-p", "."])).toMatchObject({ status: 0, stdout: "" });
    },
  );

  it("runs as JavaScript, and holds what the proto says", { timeout: 60_000 }, async () => {
    using project = new Project(NASTY_PROTOS);
    expect(project.generate(["target=js", "import_extension=js"])).toMatchObject({ status: 0 });
    const url = pathToFileURL(join(project.folder, "src/gen/acme/class/delete/v1/kinds_mesh.js")).href;
    const { kindsMesh, kindsPaths, createKindsClient, evil } = await import(url);
    expect(kindsMesh).toMatchObject({
      service: { typeName: "acme.class.delete.v1.KindsService" },
      host: "kinds.shop.svc.cluster.local",
      port: 8443,
      methods: {
        one: { path: kindsPaths.one, kind: "unary", idempotent: true, timeoutMs: 1500 },
        down: { path: kindsPaths.down, kind: "server_streaming", idempotent: false },
        up: { path: kindsPaths.up, kind: "client_streaming", idempotent: false },
        both: { path: kindsPaths.both, kind: "bidi_streaming", idempotent: false },
      },
    });
    expect(Object.keys(kindsMesh.methods)).toEqual(
      kindsMesh.service.methods.map((m: { localName: string }) => m.localName),
    );
    expect(kindsMesh.methods.down).not.toHaveProperty("timeoutMs");
    expect(createKindsClient({ client: (service: unknown) => ({ service }) })).toEqual({ service: kindsMesh });
    expect(evil).toBeUndefined();
    const code = readFileSync(join(project.folder, "src/gen/acme/class/delete/v1/kinds_mesh.js"), "utf8");
    expect(code).toContain("= /*@__PURE__*/ defineService(");
  });
});
