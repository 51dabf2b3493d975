import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "./setup/root.mjs";
import { vetFile, vetHouse } from "./vet/rules.mjs";

/** A file with one import statement, and the start of the message that it must give; none when it is legal. */
type Case = readonly [file: string, imported: string, wall: string | undefined];

const room = (name: string): string => `runtime/src/${name}/probe.ts`;
const crossings = (wall: string, file: string, imports: readonly string[]): Case[] =>
  imports.map((imported) => [file, imported, wall]);
const legal = (file: string, imports: readonly string[]): Case[] =>
  imports.map((imported) => [file, imported, undefined]);

const envoy = "@meshwright/proto/envoy/config/route/v3/route_pb";

const cases: Case[] = [
  ...crossings("wall base:", room("base"), ["../config/route.js", "../rpc/status.js", "../mesh/mesh.js"]),
  ...crossings("wall config:", room("config"), ["../base/clock.js", "../xds/cache.js"]),
  ...crossings("wall xds:", room("xds"), ["../route/route-table.js", "../registry/registrar.js", "../client/call.js"]),
  ...crossings("wall xds:", "runtime/src/xds/resources/probe.ts", ["../../balance/picker.js", "../../index.js"]),
  ...crossings("wall route:", room("route"), ["../balance/picker.js", "../xds/cache.js", "../mesh/mesh.js"]),
  ...crossings("wall balance:", room("balance"), ["../route/route-table.js", "../client/subchannel.js"]),
  ...crossings("wall http2:", room("http2"), ["../rpc/status.js", "../net/node-network.js"]),
  ...crossings("wall http2:", "runtime/src/http2/hpack/probe.ts", ["../../net/node-network.js"]),
  ...crossings("wall net:", room("net"), ["../http2/types.js", "../client/call.js"]),
  ...crossings("wall rpc:", room("rpc"), ["../http2/connection.js", "../client/call.js", "../codegenv1/index.js"]),
  ...crossings("wall client:", room("client"), ["../server/server.js", "../xds/cache.js", "../net/node-network.js"]),
  ...crossings("wall server:", room("server"), ["../client/call.js", "../route/route-table.js", "../xds/cache.js"]),
  ...crossings("wall registry:", room("registry"), ["../rpc/status.js", "../client/call.js", "../xds/cache.js"]),
  ...crossings("wall security:", room("security"), ["../server/server.js", "../http2/types.js"]),
  ...crossings("wall telemetry:", room("telemetry"), ["../client/call.js"]),
  ...crossings("wall admin:", room("admin"), ["../xds/cache.js"]),
  ...crossings("wall codegenv1:", room("codegenv1"), ["../base/clock.js", "../client/call.js", "../mesh/mesh.js"]),
  ...crossings("wall mesh:", room("mesh"), ["../testing/index.js", "../adapters/grpc-js.js", "../index.js"]),
  ...crossings("wall adapters:", room("adapters"), ["../client/call.js", "../index.js"]),
  ...crossings("wall testing:", room("testing"), ["../client/call.js", "../net/node-network.js"]),
  ...["base", "config", "route", "balance", "http2", "net", "rpc", "client", "server", "security", "testing"].flatMap(
    (name) => crossings("wall generated code:", room(name), [envoy]),
  ),
  ...crossings("wall generated code:", room("registry"), [envoy]),
  ...crossings("wall generated code:", "runtime/src/index.ts", [envoy]),
  ...crossings("wall generated code:", "plugin/src/probe.ts", [envoy]),
  ...["base", "xds", "http2", "rpc", "client", "server", "mesh", "testing"].flatMap((name) =>
    crossings("wall net:", room(name), ["node:net", "node:tls"]),
  ),
  ...crossings("wall net:", "control-plane/src/probe.ts", ["node:net"]),
  ...["http2", "net", "client", "server", "mesh"].flatMap((name) =>
    crossings("wall node:http2:", room(name), ["node:http2"]),
  ),
  ...["xds", "mesh", "testing"].flatMap((name) =>
    crossings("wall runtime:", room(name), [
      "@meshwright/control-plane",
      "@meshwright/cli",
      "protoc-gen-meshwright",
      "@meshwright/runtime",
      "../../../control-plane/src/index.js",
    ]),
  ),
  ...crossings("wall control-plane:", "control-plane/src/probe.ts", [
    "@meshwright/cli",
    "protoc-gen-meshwright",
    "../../runtime/src/index.js",
  ]),
  ...crossings("wall plugin:", "plugin/src/probe.ts", ["@meshwright/runtime", "@meshwright/runtime/codegenv1"]),
  ...crossings("wall packages:", "cli/src/probe.ts", ["../../runtime/src/index.js"]),
  ...crossings("wall packages:", "examples/greeter/src/probe.ts", ["../../../runtime/src/index.js"]),

  ...legal(room("xds"), ["../base/clock.js", "../config/route.js", "./cache.js", envoy]),
  ...legal("runtime/src/xds/resources/probe.ts", ["../../config/route.js", "../cache.js", "./cluster.js"]),
  ...legal(room("rpc"), ["../http2/types.js", "../base/clock.js", "@meshwright/proto/google/rpc/status_pb"]),
  ...legal(room("client"), [
    "../route/route-table.js",
    "../balance/picker.js",
    "../http2/types.js",
    "../rpc/status.js",
  ]),
  ...legal(room("server"), ["../http2/types.js", "../rpc/status.js", "../codegenv1/types.js"]),
  ...legal(room("registry"), ["../base/clock.js", "@meshwright/proto/meshwright/registry/v1/registry_pb"]),
  ...legal(room("net"), ["node:net", "node:tls", "../base/network.js"]),
  ...legal(room("mesh"), ["../client/call.js", "../server/server.js", "../net/node-network.js", envoy]),
  ...legal(room("testing"), ["../base/clock.js", "../mesh/create-mesh.js"]),
  ...legal("runtime/src/client/probe.test.ts", ["../testing/index.js", "node:net", "node:http2"]),
  ...legal("control-plane/src/probe.ts", ["@meshwright/runtime", "@meshwright/runtime/testing", envoy]),
  ...legal("plugin/src/probe.ts", ["@meshwright/proto/meshwright/options/v1/options_pb", "@bufbuild/protoplugin"]),
  ...legal("cli/src/probe.ts", ["@meshwright/runtime", "@meshwright/control-plane"]),
];

/** Every way to bring a module in counts. */
const forms: Record<string, (imported: string) => string> = {
  import: (imported) => `import { a } from "${imported}";\nexport const b = a;\n`,
  "import type": (imported) => `import type { A } from "${imported}";\nexport type B = A;\n`,
  "export from": (imported) => `export { a } from "${imported}";\n`,
  "dynamic import": (imported) => `export const a = () => import("${imported}");\n`,
};

describe("the linter", () => {
  let messages: Map<string, string[]>;
  const folder = mkdtempSync(join(tmpdir(), "meshwright-walls-"));
  const fileOf = (index: number, form: string): string => {
    const file = cases[index]?.[0] ?? "";
    return file.endsWith("index.ts") ? file : file.replace("probe", `probe-${index}-${form.replace(" ", "-")}`);
  };

  beforeAll(async () => {
    for (const name of ["biome.json", "biome.walls.json"]) copyFileSync(join(root, name), join(folder, name));
    for (const [index, [, imported]] of cases.entries()) {
      for (const [form, write] of Object.entries(forms)) {
        const path = join(folder, fileOf(index, form));
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, write(imported));
      }
    }
    messages = await lint(folder);
  }, 60_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const named = cases.map(([file, imported, wall], index) => ({ file, imported, wall, index }));

  it.for(named.filter(({ wall }) => wall !== undefined))("stops $file from importing $imported", ({ wall, index }) => {
    for (const form of Object.keys(forms)) {
      const found = messages.get(fileOf(index, form)) ?? [];
      expect(found, form).toEqual([expect.stringMatching(/^wall .+: .+\. .+\.$/s)]);
      expect(found[0], form).toContain(wall);
    }
  });

  it.for(named.filter(({ wall }) => wall === undefined))("lets $file import $imported", ({ index }) => {
    for (const form of Object.keys(forms)) expect(messages.get(fileOf(index, form)) ?? [], form).toEqual([]);
  });

  it("has a wall test for every wall", () => {
    const written = readFileSync(join(root, "biome.walls.json"), "utf8").matchAll(/"(wall [\w:\- ]+?:)\s/g);
    const tested = new Set(cases.map(([, , wall]) => wall));
    expect([...new Set([...written].map((match) => match[1]))].filter((wall) => !tested.has(wall))).toEqual([]);
  });
});

describe("vet, where the linter can't see a wall", () => {
  const walls = readFileSync(join(root, "biome.walls.json"), "utf8");
  const said = (path: string, text: string): string[] => vetFile(path, text).map(({ message }) => message);

  it("lets client, server and mesh know the contract with generated code by its types only", () => {
    const path = "runtime/src/client/call.ts";
    expect(said(path, 'import { a } from "../codegenv1/types.js";\n')).toEqual([
      expect.stringMatching(/^wall codegenv1:/),
    ]);
    expect(said(path, 'import type { A } from "../codegenv1/types.js";\n')).toEqual([]);
  });

  it("finds an import(…) type", () => {
    expect(said("runtime/src/rpc/a.ts", 'type A = import("../client/call.js").Call;\n')).toHaveLength(1);
  });

  it("keeps code out of the index of the runtime", () => {
    expect(said("runtime/src/index.ts", 'export { a } from "./mesh/a.js";\n')).toEqual([]);
    expect(said("runtime/src/index.ts", "export const a = 1;\n")).toEqual([expect.stringMatching(/^wall index:/)]);
  });

  it("asks for walls around a new room", () => {
    expect(vetHouse(["runtime/src/cellar/wine.ts", "runtime/src/xds/cache.ts"], walls)).toEqual([
      expect.objectContaining({ path: "runtime/src/cellar", message: expect.stringContaining("no walls") }),
    ]);
  });

  it("keeps the names of rooms for rooms", () => {
    const paths = ["runtime/src/xds/route/a.ts", "runtime/src/route/a.ts"];
    expect(vetHouse(paths, walls)).toEqual([expect.objectContaining({ path: "runtime/src/xds/route/a.ts" })]);
  });
});

/** Lints the files below `folder`; returns the messages of the import rule by file. */
function lint(folder: string): Promise<Map<string, string[]>> {
  const biome = join(root, "node_modules", "@biomejs", "biome", "bin", "biome");
  const args = [biome, "lint", "--max-diagnostics=none", "--reporter=json"];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: folder, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      if (error === null) return reject(new Error(`the lint stayed green\n${stderr}`));
      const messages = new Map<string, string[]>();
      for (const { category, message, location } of JSON.parse(stdout).diagnostics) {
        if (category !== "lint/style/noRestrictedImports") continue;
        messages.set(location.path, [...(messages.get(location.path) ?? []), message]);
      }
      resolve(messages);
    });
  });
}
