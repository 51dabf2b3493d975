import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const CLI = fileURLToPath(new URL("../bin/meshwright.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "meshwright-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: string[]) {
  return spawnSync(process.execPath, [CLI, ...args], { encoding: "utf8", timeout: 20_000 });
}

const GOOD = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a}
spec:
  hosts: [a.mesh]
  resolution: STATIC
  ports: [{number: 80, name: grpc, protocol: GRPC}]
`;

describe("meshwright", () => {
  it.for([
    { name: "nothing", args: [], status: 2, stderr: "Usage: meshwright COMMAND" },
    {
      name: "an unknown command",
      args: ["contrl"],
      status: 2,
      stderr: 'unknown command "contrl"; known are control-plane',
    },
    { name: "an unknown option", args: ["control-plane", "--dri", "x"], status: 2, stderr: "Unknown option '--dri'" },
    {
      name: "a folder that is missing",
      args: ["control-plane", "--dir", "/nowhere"],
      status: 1,
      stderr: "--dir /nowhere: does not exist; name a folder",
    },
    {
      name: "an address that is none",
      args: ["control-plane", "--listen", "here"],
      status: 1,
      stderr: 'can\'t listen on "here": expected host:port',
    },
  ])("refuses $name", ({ args, status, stderr }) => {
    const result = run(...args);
    expect(result.stderr).toContain(stderr);
    expect(result.status).toBe(status);
  });

  it("tells its version and what it can do", () => {
    expect(run("--version").stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(run("--help").stdout).toContain("control-plane");
    expect(run("control-plane", "--help").stdout).toContain("--listen HOST:PORT");
  });

  it("says which address is in use", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const { stderr, status } = run("control-plane", "--listen", `127.0.0.1:${port}`);
    server.close();
    expect(stderr).toContain(
      `can't listen on 127.0.0.1:${port}: the address is in use by another process; choose another port`,
    );
    expect(status).toBe(1);
  });

  it("does not start on files with errors, and names their lines", () => {
    const bad = mkdtempSync(join(folder, "bad-"));
    writeFileSync(join(bad, "a.yaml"), `${GOOD}  hots: [b]\n`);
    const { stderr, status } = run("control-plane", "--dir", bad, "--listen", "127.0.0.1:0");
    expect(stderr).toContain(`${join(bad, "a.yaml")}:8:3: unknown field "hots" of ServiceEntry; did you mean "hosts"?`);
    expect(status).toBe(1);
  });

  it("runs, follows its files, and ends in order", async () => {
    const good = mkdtempSync(join(folder, "good-"));
    writeFileSync(join(good, "a.yaml"), GOOD);
    const child: ChildProcess = spawn(
      process.execPath,
      [CLI, "control-plane", "--dir", good, "--listen", "127.0.0.1:0"],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
    const until = async (text: string): Promise<string> => {
      for (let next = await lines.next(); next.done !== true; next = await lines.next()) {
        if (next.value.includes(text)) return next.value;
      }
      throw new Error(`the output ended without "${text}"`);
    };
    await until("configuration 1 is in force: 1 objects");
    await until(`control plane on 127.0.0.1:`);
    writeFileSync(join(good, "a.yaml"), GOOD.replace("STATIC", "STATICK"));
    await until("the last good configuration stays in force");
    expect(await until("a.yaml:6:15: error:")).toContain('resolution: found "STATICK", expected one of');
    writeFileSync(join(good, "a.yaml"), GOOD);
    await until("configuration 2 is in force");
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
  });
});
