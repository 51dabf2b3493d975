import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { filesBelow, hashOfContent } from "./files.mjs";
import { whyInstallIsStale } from "./install.mjs";
import { isLocked, takeLock } from "./lock.mjs";
import { whyNodeIsTooOld } from "./node-version.mjs";
import { isFresh, writeStamp } from "./stamp.mjs";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshwright-setup-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

describe("whyNodeIsTooOld", () => {
  it.for([
    ["v18.20.4", true],
    ["v20.18.3", true],
    ["v20.19.0", false],
    ["v20.20.2", false],
    ["v24.0.0", false],
    ["v25.0.0-nightly", false],
  ] as const)("of $0 is a complaint: $1", ([version, isTooOld]) => {
    expect(whyNodeIsTooOld(version) !== undefined).toBe(isTooOld);
  });
});

describe("isFresh", () => {
  const stamp = (): string => join(folder, ".cache", "stamp.json");
  const inputs = (): string[] => filesBelow(join(folder, "in"));
  const outputs = (): string[] => filesBelow(join(folder, "out"));

  beforeEach(() => {
    write("in/a.proto", "a");
    write("out/a.ts", "a");
    writeStamp(stamp(), hashOfContent(inputs()), outputs());
  });

  it("holds while nothing changed, and after a touch of an input", () => {
    expect(isFresh(stamp(), inputs(), outputs())).toBe(true);
    utimesSync(join(folder, "in/a.proto"), 1, 1);
    expect(isFresh(stamp(), inputs(), outputs())).toBe(true);
  });

  it.for<[name: string, change: () => void]>([
    ["an input was edited", () => write("in/a.proto", "b")],
    ["an input was added", () => write("in/b.proto", "")],
    ["an input was removed", () => rmSync(join(folder, "in/a.proto"))],
    ["an output was removed", () => rmSync(join(folder, "out/a.ts"))],
    ["every output was removed", () => rmSync(join(folder, "out"), { recursive: true })],
    ["an output was edited", () => write("out/a.ts", "longer")],
    ["the step was interrupted and left no stamp", () => rmSync(stamp())],
    ["the stamp was cut short", () => writeFileSync(stamp(), '{"inputs": "')],
  ])("ends when $0", ([, change]) => {
    change();
    expect(isFresh(stamp(), inputs(), outputs())).toBe(false);
  });
});

describe("whyInstallIsStale", () => {
  const machine = { platform: "linux", arch: "x64" };
  const a = { version: "1.0.0", integrity: "sha512-a" };
  const install = (wanted: object, installed: object | undefined): string | undefined => {
    write("package-lock.json", JSON.stringify({ packages: { "": {}, runtime: { version: "2.0.0" }, ...wanted } }));
    for (const path of Object.keys(wanted)) write(join(path, "package.json"), "{}");
    if (installed !== undefined) write("node_modules/.package-lock.json", JSON.stringify({ packages: installed }));
    return whyInstallIsStale(folder, machine);
  };

  it("is silent when every package is there", () => {
    expect(install({ "node_modules/a": a }, { "node_modules/a": a })).toBeUndefined();
  });

  it("notices that nothing was installed, or that it was interrupted", () => {
    expect(install({ "node_modules/a": a }, undefined)).toMatch("node_modules is missing or incomplete");
  });

  it("notices another version", () => {
    expect(install({ "node_modules/a": { ...a, version: "1.0.1" } }, { "node_modules/a": a })).toMatch(
      "asks for 1.0.1",
    );
  });

  it("notices a package that was removed by hand", () => {
    install({ "node_modules/a": a }, { "node_modules/a": a });
    rmSync(join(folder, "node_modules/a"), { recursive: true });
    expect(whyInstallIsStale(folder, machine)).toMatch("node_modules/a is missing");
  });

  it("misses an optional package of this machine only", () => {
    const optional = (os: string): object => ({ ...a, optional: true, os: [os], cpu: ["x64"] });
    expect(install({ "node_modules/a-darwin": optional("darwin") }, {})).toBeUndefined();
    expect(install({ "node_modules/a-linux": optional("linux") }, {})).toMatch("a-linux is missing");
  });
});

describe("takeLock", () => {
  const lock = (): string => join(folder, "lock");
  const dead = (): number => spawnSync(process.execPath, ["-e", ""]).pid;
  const take = (): ReturnType<typeof takeLock> => takeLock(lock(), () => expect.unreachable("nobody has it"));

  it("waits for the owner and leaves nothing behind", async () => {
    const first = await take();
    let hasWaited = false;
    const second = await takeLock(lock(), () => {
      hasWaited = true;
      first.giveBack();
    });
    expect(hasWaited).toBe(true);
    second.giveBack();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("takes over from an owner that died", async () => {
    write("lock", JSON.stringify({ pid: dead(), host: hostname(), nonce: "1" }));
    expect(isLocked(lock())).toBe(false);
    (await take()).giveBack();
  });

  it("waits for the command of an owner that was killed", async () => {
    const worker = spawn(process.execPath, ["-e", "setInterval(() => undefined, 1000)"]);
    write("lock", JSON.stringify({ pid: dead(), host: hostname(), nonce: "1", worker: worker.pid }));
    expect(isLocked(lock())).toBe(true);
    const owned = await takeLock(lock(), () => worker.kill("SIGKILL"));
    owned.giveBack();
  });

  it("names the command at work", async () => {
    const owned = await take();
    owned.name(4711);
    expect(JSON.parse(readFileSync(lock(), "utf8"))).toMatchObject({ pid: process.pid, worker: 4711 });
    owned.giveBack();
    expect(isLocked(lock())).toBe(false);
  });

  it("takes over from an owner on another machine that was silent for long", async () => {
    write("lock", JSON.stringify({ pid: 1, host: "elsewhere", nonce: "1" }));
    expect(isLocked(lock())).toBe(true);
    utimesSync(lock(), new Date(0), new Date(0));
    expect(isLocked(lock())).toBe(false);
    (await take()).giveBack();
  });

  it("has one owner at a time when many race for an abandoned one", async () => {
    write("lock", "cut short");
    utimesSync(lock(), new Date(0), new Date(0));
    let owners = 0;
    const race = async (): Promise<void> => {
      const owned = await takeLock(lock(), () => undefined);
      owners += 1;
      expect(owners).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      owners -= 1;
      owned.giveBack();
    };
    await Promise.all([race(), race(), race(), race()]);
  });
});
