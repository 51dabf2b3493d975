import { createHash } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  createInteropClient,
  type InteropClient,
  interopService,
} from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
import type { UnaryRequest } from "@meshwright/interop/gen/meshwright/interop/v1/interop_pb";
import { interopHandlers } from "@meshwright/interop/handlers";
import { createGrpcTransport, createServer } from "@meshwright/runtime";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestCa } from "../src/certificates.js";

const SIZES = [70_000, 131_072, 200_000, 700_000, 2_000_000, 4_000_000];

/** Bytes that are those of no other message. */
function contents(seed: number, size: number): Buffer {
  const block = createHash("sha512").update(String(seed)).digest();
  return Buffer.alloc(size, block);
}

setFlagsFromString("--expose-gc");
const collectAll = runInNewContext("gc") as () => void;
setFlagsFromString("--no-expose-gc");

describe.each(["plaintext", "TLS"])("large messages over %s", (kind) => {
  let client: InteropClient;
  let close: () => Promise<void>;
  const memories: WeakRef<ArrayBufferLike>[] = [];

  beforeAll(async () => {
    const { ca, issue } = await createTestCa();
    const { cert, key } = await issue({ dns: ["localhost"], ip: ["127.0.0.1"] });
    const echo = ({ payload }: UnaryRequest): { payload: Uint8Array } => {
      memories.push(new WeakRef(payload.buffer));
      return { payload };
    };
    const server = createServer({
      services: [interopService({ ...interopHandlers, unary: echo })],
      ...(kind === "TLS" ? { tls: { cert, key } } : {}),
    });
    const address = await server.listen("127.0.0.1:0");
    const transport =
      kind === "TLS"
        ? createGrpcTransport({ baseUrl: `https://${address}`, tls: { ca } })
        : createGrpcTransport({ baseUrl: `http://${address}` });
    client = createInteropClient(transport);
    close = () => server.close();
  });

  afterAll(() => close());

  it("come back as they were sent, many at a time, though others are cancelled on their way", {
    timeout: 30_000,
  }, async () => {
    let seed = 0;
    let cancelled = 0;
    const caller = async (): Promise<void> => {
      for (let calls = 0; calls < 20; calls += 1) {
        seed += 1;
        const payload = contents(seed, SIZES[seed % SIZES.length] as number);
        const expected = Buffer.from(payload);
        const leaving = new AbortController();
        const answer = client.unary({ payload }, { signal: leaving.signal });
        // It is the caller's again, whether it was sent, waits for a window, or for a connection.
        payload.fill(0);
        if (seed % 5 === 0) setImmediate(() => leaving.abort());
        try {
          expect(expected.equals((await answer).payload)).toBe(true);
        } catch (error) {
          if (!(error instanceof ConnectError) || error.code !== Code.Canceled) throw error;
          cancelled += 1;
        }
      }
    };
    await Promise.all([caller(), caller(), caller(), caller()]);
    expect(cancelled).toBeGreaterThan(0);
  });

  it("are kept by nobody when their users let go of them", async () => {
    memories.length = 0;
    const call = async (): Promise<void> => {
      const { payload } = await client.unary({ payload: contents(0, 1_000_000) });
      memories.push(new WeakRef(payload.buffer));
    };
    for (let calls = 0; calls < 3; calls += 1) await call();
    // What a weak reference was made of lives on until its turn is over.
    await new Promise((resolve) => setImmediate(resolve));
    collectAll();
    expect(memories.length).toBeGreaterThanOrEqual(6);
    expect(memories.filter((memory) => memory.deref() !== undefined)).toEqual([]);
  });
});
