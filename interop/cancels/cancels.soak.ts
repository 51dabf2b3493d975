import { connect, constants } from "node:http2";
import type { ClientProcedures } from "@meshwright/interop/attacks/client";
import type { ServerProcedures } from "@meshwright/interop/attacks/server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Child, startChild } from "../attacks/support/child.js";
import { startControlPlaneFor } from "../attacks/support/hostile-server.js";
import { UNARY } from "../attacks/support/hpack.js";
import { unaryRequest } from "../attacks/support/messages.js";

/** Given by `npm run test:cancels -- --seconds N`. */
const SECONDS = Number(process.env["MESHWRIGHT_CANCEL_SECONDS"] ?? "10");
const PER_SECOND = 5000;
const AFTER_MS = 5;
/** A machine that is busy with other things may take longer, and deadlines may pass before their call has left. */
const LEAST_SHARE = 0.8;
/** What a heap may gain from the first third to the end: code that was compiled and numbers that were kept, no calls.
 * One call leaves 1 KiB or more behind when it leaks, and there are thousands of them. */
const MAX_GROWTH_BYTES = 2 * 1024 * 1024;

/** A process that was held up catches up, but not beyond what a server takes at once. */
const MAX_OPEN = 500;

let server: Child<ServerProcedures>;

beforeEach(async () => {
  server = await startChild<ServerProcedures>("server");
});
afterEach(() => server.stop());

/** Runs a load in three parts; tells what the heaps held after the first and after the last. */
async function inThirds(run: (seconds: number) => Promise<void>, held: () => Promise<number[]>): Promise<number[][]> {
  const seconds = SECONDS / 3;
  await run(seconds);
  const early = await held();
  await run(seconds);
  await run(seconds);
  return [early, await held()];
}

async function quiet(): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if ((await server.call("usage", undefined)).active === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe(`${PER_SECOND} cancels a second for ${SECONDS} s on one connection`, () => {
  it("are served to a client of ours: it lives, nothing leaks", { timeout: (SECONDS + 30) * 1000 }, async () => {
    const port = Number(server.greeting.split(":")[1]);
    await using controlPlane = await startControlPlaneFor(port);
    const client = await startChild<ClientProcedures>("client", { argument: { controlPlane: controlPlane.address } });
    try {
      await client.call("greet", "first");
      const ends: Record<string, number> = {};
      let busyMs = 0;
      const [early = [], late = []] = await inThirds(
        async (seconds) => {
          const startMs = performance.now();
          const report = await client.call("cancel", { perSecond: PER_SECOND, seconds, afterMs: AFTER_MS });
          busyMs += performance.now() - startMs;
          for (const [end, count] of Object.entries(report)) ends[end] = (ends[end] ?? 0) + count;
        },
        async () => {
          await quiet();
          return [await server.call("heldBytes", undefined), await client.call("heldBytes", undefined)];
        },
      );
      expect(await client.call("greet", "still here")).toBe("still here");
      const { active, connections, started } = await server.call("usage", undefined);
      console.log(
        `ends ${JSON.stringify(ends)}; server ${early[0]} -> ${late[0]}, client ${early[1]} -> ${late[1]} bytes`,
      );
      expect(Object.keys(ends).sort()).toEqual(["Canceled", "DeadlineExceeded"]);
      expect((1000 * PER_SECOND * SECONDS) / busyMs, "cancels a second").toBeGreaterThan(LEAST_SHARE * PER_SECOND);
      expect(active, "handlers at work").toBe(0);
      expect(connections, "connections").toBe(1);
      expect(started, "handlers that began").toBeGreaterThan(LEAST_SHARE * PER_SECOND * SECONDS);
      expect((late[0] ?? 0) - (early[0] ?? 0), "bytes that the server kept").toBeLessThan(MAX_GROWTH_BYTES);
      expect((late[1] ?? 0) - (early[1] ?? 0), "bytes that the client kept").toBeLessThan(MAX_GROWTH_BYTES);
    } finally {
      await client.stop();
    }
  });

  it("are served to a client of node:http2", { timeout: (SECONDS + 30) * 1000 }, async () => {
    const session = connect(`http://${server.greeting}`);
    const goAways: string[] = [];
    session.on("goaway", (code, _, data) => goAways.push(`${code} ${data?.toString() ?? ""}`));
    session.on("error", (error) => goAways.push(error.message));
    const wait = unaryRequest({ text: "wait", delayMs: 600_000 });
    let open = 0;
    const start = (): void => {
      if (session.destroyed || session.closed) return;
      open += 1;
      const stream = session.request({
        ":method": "POST",
        ":path": UNARY,
        "content-type": "application/grpc",
        te: "trailers",
      });
      stream.on("error", () => {});
      stream.on("close", () => {
        open -= 1;
      });
      stream.end(wait);
      setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), AFTER_MS);
    };
    try {
      const [early = [], late = []] = await inThirds(
        (seconds) => paced(PER_SECOND, seconds, () => open < MAX_OPEN, start),
        async () => {
          await quiet();
          return [await server.call("heldBytes", undefined)];
        },
      );
      const { active, connections, started } = await server.call("usage", undefined);
      console.log(`server ${early[0]} -> ${late[0]} bytes, ${started} handlers began`);
      expect(goAways).toEqual([]);
      expect(session.closed || session.destroyed).toBe(false);
      expect(open, "streams").toBe(0);
      expect(active, "handlers at work").toBe(0);
      expect(connections, "connections").toBe(1);
      expect(started, "handlers that began").toBeGreaterThan(LEAST_SHARE * PER_SECOND * SECONDS);
      expect((late[0] ?? 0) - (early[0] ?? 0), "bytes that the server kept").toBeLessThan(MAX_GROWTH_BYTES);
    } finally {
      session.destroy();
    }
  });
});

/** Does something `perSecond` times a second, later when it may not. */
async function paced(perSecond: number, seconds: number, mayRun: () => boolean, run: () => void): Promise<void> {
  const total = perSecond * seconds;
  const startMs = performance.now();
  let done = 0;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(total, ((performance.now() - startMs) / 1000) * perSecond);
      for (; done < due && mayRun(); done += 1) run();
      if (done < total) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
  // The last ones are given up a little later.
  await new Promise((resolve) => setTimeout(resolve, 300));
}
