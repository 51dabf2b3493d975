import { createClient } from "@connectrpc/connect";
import { compressionGzip, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { interopService } from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
import { InteropService } from "@meshwright/interop/gen/meshwright/interop/v1/interop_pb";
import { interopHandlers } from "@meshwright/interop/handlers";
import { createServer, type Server } from "@meshwright/runtime";
import { afterAll, beforeAll, describe } from "vitest";
import { interopCases } from "./support/cases.js";
import { connectPeer } from "./support/connect-peer.js";
import { grpcJsPeer } from "./support/grpc-js-peer.js";

describe.for([
  { name: "our server", options: {}, gzip: false },
  { name: "our server with gzip", options: { sendCompression: "gzip", compressMinBytes: 0 } as const, gzip: true },
])("$name", ({ options, gzip }) => {
  let server: Server;
  let address: string;

  beforeAll(async () => {
    server = createServer({ services: [interopService(interopHandlers)], ...options });
    address = await server.listen("127.0.0.1:0");
  });

  afterAll(() => server.close(0));

  describe("called by @grpc/grpc-js", () => {
    let peer: ReturnType<typeof grpcJsPeer>;
    beforeAll(() => {
      peer = grpcJsPeer(address, gzip);
    });
    afterAll(() => peer.close());
    interopCases(() => peer);
  });

  describe("called by Connect over its gRPC transport", () => {
    const compression = gzip ? { sendCompression: compressionGzip, compressMinBytes: 0 } : {};
    let sessionManager: Http2SessionManager;
    beforeAll(() => {
      sessionManager = new Http2SessionManager(`http://${address}`);
    });
    afterAll(() => sessionManager.abort());
    interopCases(() =>
      connectPeer(
        createClient(
          InteropService,
          createGrpcTransport({ baseUrl: `http://${address}`, sessionManager, ...compression }),
        ),
      ),
    );
  });
});
