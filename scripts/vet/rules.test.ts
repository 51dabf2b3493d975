import { describe, expect, it } from "vitest";
import { vetFile } from "./rules.mjs";

const said = (path: string, text: string): string[] =>
  vetFile(path, text).map(({ line, message }) => `${line}: ${message}`);

describe("vetFile", () => {
  it.for<[name: string, path: string, text: string, message: RegExp]>([
    ["reads the time", "runtime/src/xds/a.ts", "\nconst now = Date.now();\n", /^2: time comes from the injected Clock/],
    ["sets a timer", "runtime/src/client/a.ts", "setTimeout(go, 5);\n", /injected Clock/],
    [
      "sets a global timer by its full name",
      "runtime/src/client/a.ts",
      "globalThis.setTimeout(go, 5);\n",
      /injected Clock/,
    ],
    ["imports timers", "runtime/src/client/a.ts", 'import { scheduler } from "node:timers/promises";\n', /Clock/],
    ["reads the date in the control plane", "control-plane/src/a.ts", "const at = new Date();\n", /injected Clock/],
    ["rolls dice", "runtime/src/balance/a.ts", "const r = Math.random();\n", /injected Rng/],
    ["compiles a regex from configuration", "runtime/src/xds/a.ts", "new RegExp(text);\n", /re2/],
    ["imports node:http2", "runtime/src/net/a.ts", 'import { connect } from "node:http2";\n', /own HTTP\/2/],
    ["focuses a test", "runtime/src/rpc/a.test.ts", 'it.only("x", () => {});\n', /remove `.only`/],
    ["skips a test without a reason", "runtime/src/rpc/a.test.ts", 'it.skip("x", () => {});\n', /needs its reason/],
    ["swallows an error without a reason", "cli/src/a.ts", "try { go(); } catch (error) {}\n", /empty catch/],
    ["has a barrel inside a room", "runtime/src/xds/index.ts", 'export { a } from "./a.js";\n', /no barrels/],
    ["exports everything from an index", "plugin/src/index.ts", 'export * from "./a.js";\n', /lists the names/],
    ["locks a registry host", "package-lock.json", '{"resolved": "https://example.org/a.tgz"}\n', /registry host/],
    [
      "leaves the binary of a platform out of the lock",
      "package-lock.json",
      '{"packages": {"node_modules/a": {"optionalDependencies": {"a-darwin": "1.0.0"}}}}\n',
      /no entry for a-darwin/,
    ],
    ["names a path of a machine", "docs/a.md", "see /home/ada/src\n", /somebody's machine/],
    ["is far too long", "runtime/src/xds/a.ts", "a;\n".repeat(501), /501 lines/],
  ])("complains about a file that $0", ([, path, text, message]) => {
    expect(said(path, text)).toEqual([expect.stringMatching(message)]);
  });

  it.for<[name: string, path: string, text: string]>([
    ["the clock itself", "runtime/src/base/clock.ts", "setTimeout(go, 5);\n"],
    ["the generator itself", "runtime/src/base/rng.ts", "Math.random();\n"],
    ["tests with real timers", "runtime/src/net/a.test.ts", "setTimeout(go, 5);\n"],
    ["a socket's own timeout", "runtime/src/net/a.ts", "socket.setTimeout(5);\n"],
    ["comments about timers", "runtime/src/xds/a.ts", "// not setTimeout\n/* nor\n Math.random */ const a = 1;\n"],
    ["a skipped test with its reason", "plugin/src/a.test.ts", '// reason: needs a peer\nit.skip("x", () => {});\n'],
    ["a catch that says why it is empty", "cli/src/a.ts", "try { go(); } catch {\n  // Gone already.\n}\n"],
    ["paths on the network", "docs/a.md", "GET /network/work and https://example.org/root\n"],
  ])("accepts $0", ([, path, text]) => {
    expect(said(path, text)).toEqual([]);
  });

  it("does not take the end of a comment's line, a string or a regex for a comment", () => {
    const text = 'const a = "//"; Date.now();\nconst b = /[/"]\\/*/; Date.now();\nconst c = `//`; Date.now();\n';
    expect(said("runtime/src/xds/a.ts", text).map((line) => line.slice(0, 2))).toEqual(["1:", "2:", "3:"]);
  });
});
