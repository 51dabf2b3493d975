import { createInteropClient, interopService } from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
import { interopHandlers } from "@meshwright/interop/handlers";
import { createGrpcTransport, createServer, type Server } from "@meshwright/runtime";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpcJsPeer } from "./support/grpc-js-peer.js";

const UPLOADS = 64;
const PAYLOAD = new Uint8Array(4 * 1024 * 1024 - 100).fill(7);
const TIMEOUT_MS = 60_000;

describe("many large uploads on one connection to our server", () => {
  let server: Server;
  let address: string;

  beforeAll(async () => {
    server = createServer({ services: [interopService(interopHandlers)] });
    address = await server.listen("127.0.0.1:0");
  });

  afterAll(() => server.close(0));

  async function* once(): AsyncGenerator<{ payload: Uint8Array }> {
    yield { payload: PAYLOAD };
  }

  it("A20: arrive whole, there and back, from our client", { timeout: TIMEOUT_MS }, async () => {
    await using transport = createGrpcTransport({ baseUrl: `http://${address}` });
    const client = createInteropClient(transport);
    const answers = Array.from({ length: UPLOADS }, async () => {
      const { payload } = await client.unary({ payload: PAYLOAD });
      return Buffer.compare(payload, PAYLOAD);
    });
    expect(new Set(await Promise.all(answers))).toEqual(new Set([0]));
  });

  it("A20: arrive whole from @grpc/grpc-js", { timeout: TIMEOUT_MS }, async () => {
    const peer = grpcJsPeer(address, false);
    const answers = Array.from({ length: UPLOADS }, () => peer.clientStream(once()));
    const settled = await Promise.allSettled(answers);
    peer.close();
    expect(settled.map(({ status }) => status)).toEqual(Array.from({ length: UPLOADS }, () => "fulfilled"));
  });
});
