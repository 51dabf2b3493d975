import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { describe, expect, it, test } from "vitest";
import { compress } from "./compression.js";
import { type Decompressed, Decompressor } from "./decompressor.js";

const MIB = 1024 * 1024;

function setUp() {
  const failures: string[] = [];
  const decompressor = new Decompressor((reason) => failures.push(reason));
  const start = (bytes: Uint8Array, maxBytes = 4 * MIB, encoding = "gzip") => {
    const later: Decompressed[] = [];
    const now = decompressor.decompress(encoding, bytes, maxBytes, (result) => later.push(result));
    return { now, later };
  };
  const run = async (...args: Parameters<typeof start>): Promise<Decompressed> => {
    const { now, later } = start(...args);
    if (now.kind !== "pending") return now;
    await until(() => later.length > 0);
    return later[0] as Decompressed;
  };
  return { failures, start, run };
}

/** Lets other threads come to an end. */
async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setImmediate(resolve));
}

const codeOf = (result: Decompressed) => (result.kind === "failed" ? result.status.code : undefined);

/** The message with another size in its trailer. */
function saying(byteCount: number, zipped: Buffer): Buffer {
  const changed = Buffer.from(zipped);
  changed.writeUInt32LE(byteCount, changed.byteLength - 4);
  return changed;
}

describe("Decompressor", () => {
  test.for([0, 1, 10, 1024, 5000, 64 * 1024, 64 * 1024 + 1, 300_000, 5 * MIB])(
    "gives back %d bytes, and keeps no more alive",
    async (byteCount) => {
      for (const plain of [Buffer.alloc(byteCount, 7), randomBytes(byteCount)]) {
        const { run, failures } = setUp();
        const result = await run(await compress(plain), byteCount);
        if (result.kind !== "ok") throw new Error(result.status.message);
        expect(Buffer.compare(result.bytes, plain)).toBe(0);
        expect(result.bytes.buffer.byteLength).toBeLessThanOrEqual(byteCount + 1024);
        expect(failures).toEqual([]);
      }
    },
  );

  it("decompresses at once what is small before and after, else later", () => {
    const { start } = setUp();
    expect(start(gzipSync(Buffer.alloc(64 * 1024))).now.kind).toBe("ok");
    expect(start(gzipSync(Buffer.alloc(64 * 1024 + 1))).now.kind).toBe("pending");
    expect(start(gzipSync(randomBytes(65 * 1024))).now.kind).toBe("pending");
  });

  it("takes members one after the other for one message (RFC 1952), whatever the last one says", async () => {
    const { run, failures } = setUp();
    const result = await run(Buffer.concat([gzipSync(Buffer.alloc(200_000, 1)), gzipSync("x")]));
    expect(result.kind === "ok" && result.bytes.byteLength).toBe(200_001);
    expect(failures).toEqual([]);
  });

  test.for([
    { name: "at once", byteCount: 1000 },
    { name: "later", byteCount: 300_000 },
  ])("B2: takes a message of exactly the limit and none above it, $name", async ({ byteCount }) => {
    const { run, failures } = setUp();
    const zipped = gzipSync(Buffer.alloc(byteCount));
    expect((await run(zipped, byteCount)).kind).toBe("ok");
    expect(codeOf(await run(zipped, byteCount - 1))).toBe(Code.ResourceExhausted);
    expect(failures).toEqual([]);
  });

  it("B2: refuses unread what says itself to be too large, which a sound peer may send", () => {
    const { start, failures } = setUp();
    const { now } = start(saying(5 * MIB, gzipSync("no work is done for it")));
    expect(now).toEqual({
      kind: "failed",
      status: {
        code: Code.ResourceExhausted,
        message: `message is larger than the limit of ${4 * MIB} bytes after decompression; raise readMaxBytes to accept it`,
      },
    });
    expect(failures).toEqual([]);
  });

  it("B2: tells of bombs whose trailers lie", async () => {
    const { run, failures } = setUp();
    for (const size of [0, 1000, 4 * MIB]) {
      const bomb = saying(size, gzipSync(Buffer.alloc(16 * MIB)));
      expect(codeOf(await run(bomb))).toBe(Code.ResourceExhausted);
    }
    expect(failures).toHaveLength(3);
  });

  test.for([
    { name: "what is no gzip", bytes: Buffer.of(1, 2, 3) },
    { name: "nothing", bytes: Buffer.alloc(0) },
    { name: "a message that is cut short", bytes: saying(100_000, gzipSync(randomBytes(100_000)).subarray(0, 90_000)) },
    { name: "a message of another size", bytes: saying(999, gzipSync(Buffer.alloc(1000))) },
  ])("B2: refuses $name and tells of it", async ({ bytes }) => {
    const { run, failures } = setUp();
    const result = await run(bytes);
    expect(codeOf(result)).toBe(Code.Internal);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatch(/^can't decompress a message: /);
  });

  it("refuses an encoding that it does not know", () => {
    const { start, failures } = setUp();
    expect(start(Buffer.of(1), 1000, "br").now).toMatchObject({ kind: "failed", status: { code: Code.Internal } });
    expect(failures).toEqual([]);
  });

  it("B2: has two messages in other threads at a time, and the others wait their turn", async () => {
    const { start } = setUp();
    const zipped = gzipSync(randomBytes(200_000));
    const order: number[] = [];
    const all = Array.from({ length: 6 }, () => start(zipped));
    await until(() => {
      for (const [index, { later }] of all.entries()) {
        if (later.length > 0 && !order.includes(index)) order.push(index);
      }
      const done = order.length;
      // Whoever is two places behind the last that was begun has not been.
      expect(Math.max(-1, ...order)).toBeLessThan(done + 2);
      return done === all.length;
    });
    expect(all.map(({ later }) => later[0]?.kind)).toEqual(all.map(() => "ok"));
  });

  it("B2: drops what was given up, but counts the bombs among what had begun", async () => {
    const { start, run, failures } = setUp();
    const bomb = saying(1000, gzipSync(Buffer.alloc(16 * MIB)));
    const all = Array.from({ length: 50 }, () => start(bomb));
    for (const { now } of all) if (now.kind === "pending") now.cancel();
    expect((await run(gzipSync(Buffer.alloc(100_000)))).kind).toBe("ok");
    await until(() => failures.length === 2);
    expect(all.flatMap(({ later }) => later)).toEqual([]);
    expect(failures).toHaveLength(2);
  });
});
