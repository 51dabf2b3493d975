import { createHash } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  createInteropClient,
  type InteropClient,
  interopService,
} from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
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

describe.each(["plaintext", "TLS"])("large messages over %s", (kind) => {
  let client: InteropClient;
  let close: () => Promise<void>;

  beforeAll(async () => {
    const { ca, issue } = await createTestCa();
    const { cert, key } = await issue({ dns: ["localhost"], ip: ["127.0.0.1"] });
    const server = createServer({
      services: [interopService({ ...interopHandlers, unary: ({ payload }) => ({ payload }) })],
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
});
