import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport as createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import grpc from "@grpc/grpc-js";
import { createTestCa, type TestCa, type TestCertificate } from "@meshwright/interop/certificates";
import { interopService } from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
import { InteropService } from "@meshwright/interop/gen/meshwright/interop/v1/interop_pb";
import { interopHandlers } from "@meshwright/interop/handlers";
import {
  createGrpcTransport,
  createServer,
  type GrpcTransport,
  type Server,
  type ServerTls,
} from "@meshwright/runtime";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { interopCases } from "./support/cases.js";
import { connectPeer } from "./support/connect-peer.js";
import { type ForeignServer, startConnectNode, startGrpcJs } from "./support/foreign-servers.js";
import { grpcJsPeer } from "./support/grpc-js-peer.js";

const CLIENT = "spiffe://cluster.local/ns/default/sa/client";

let ca: TestCa;
let serverCertificate: TestCertificate;
let clientCertificate: TestCertificate;

beforeAll(async () => {
  ca = await createTestCa();
  serverCertificate = await ca.issue({ dns: ["localhost"], ip: ["127.0.0.1"] });
  clientCertificate = await ca.issue({ uri: [CLIENT] });
});

describe.for([
  { name: "TLS", isMutual: false },
  { name: "mTLS", isMutual: true },
  { name: "TLS 1.3 only", isMutual: false, minVersion: "TLSv1.3" as const },
])("our server with $name", ({ isMutual, minVersion }) => {
  let server: Server;
  let address: string;
  let own: Partial<TestCertificate>;

  beforeAll(async () => {
    const tls: ServerTls = {
      ...serverCertificate,
      ...(isMutual ? { ca: ca.ca, requireClientCertificate: true } : {}),
      ...(minVersion === undefined ? {} : { minVersion }),
    };
    server = createServer({ services: [interopService(interopHandlers)], tls });
    address = await server.listen("127.0.0.1:0");
    own = isMutual ? clientCertificate : {};
  });

  afterAll(() => server.close(0));

  describe("called by our transport", () => {
    let transport: GrpcTransport;
    beforeAll(() => {
      transport = createGrpcTransport({ baseUrl: `https://${address}`, tls: { ca: ca.ca, ...own } });
    });
    afterAll(() => transport.close());
    interopCases(() => connectPeer(createClient(InteropService, transport)));
  });

  describe("called by @grpc/grpc-js", () => {
    let peer: ReturnType<typeof grpcJsPeer>;
    beforeAll(() => {
      const [key, cert] = [own.key, own.cert].map((pem) => (pem === undefined ? null : Buffer.from(pem)));
      peer = grpcJsPeer(address, false, grpc.credentials.createSsl(Buffer.from(ca.ca), key, cert));
    });
    afterAll(() => peer.close());
    interopCases(() => peer);
  });

  describe("called by Connect over its gRPC transport", () => {
    let sessionManager: Http2SessionManager;
    beforeAll(() => {
      sessionManager = new Http2SessionManager(`https://${address}`, {}, { ca: ca.ca, ...own });
    });
    afterAll(() => sessionManager.abort());
    interopCases(() =>
      connectPeer(
        createClient(InteropService, createConnectTransport({ baseUrl: `https://${address}`, sessionManager })),
      ),
    );
  });
});

describe.for([
  {
    name: "@grpc/grpc-js",
    start: ({ cert, key }: TestCertificate, root: string) =>
      startGrpcJs(
        grpc.ServerCredentials.createSsl(
          Buffer.from(root),
          [{ cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }],
          true,
        ),
      ),
  },
  {
    name: "@connectrpc/connect-node",
    start: (certificate: TestCertificate, root: string) =>
      startConnectNode({ ...certificate, ca: root, requestCert: true, rejectUnauthorized: true }),
  },
])("a $name server with mTLS", ({ start }) => {
  let server: ForeignServer;
  let transport: GrpcTransport;

  beforeAll(async () => {
    server = await start(serverCertificate, ca.ca);
    transport = createGrpcTransport({
      baseUrl: `https://127.0.0.1:${server.port}`,
      tls: { ca: ca.ca, ...clientCertificate },
    });
  });

  afterAll(async () => {
    await transport.close();
    await server.close();
  });

  describe("called by our transport", () => {
    interopCases(() => connectPeer(createClient(InteropService, transport)));
  });

  it("is not called when it is somebody else", async () => {
    const identity = { kind: "names", names: [{ kind: "uri", value: CLIENT }] } as const;
    await using other = createGrpcTransport({
      baseUrl: `https://127.0.0.1:${server.port}`,
      tls: { ca: ca.ca, ...clientCertificate, identity },
    });
    const failure: unknown = await createClient(InteropService, other)
      .unary({})
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConnectError);
    expect(failure).toMatchObject({ code: Code.Unavailable });
    expect((failure as ConnectError).message).toContain(`the peer's certificate is not for URI "${CLIENT}"`);
  });
});

describe("our server and our transport without TLS", () => {
  let server: Server;
  let transport: GrpcTransport;
  beforeAll(async () => {
    server = createServer({ services: [interopService(interopHandlers)] });
    transport = createGrpcTransport({ baseUrl: `http://${await server.listen("127.0.0.1:0")}` });
  });
  afterAll(async () => {
    await transport.close();
    await server.close(0);
  });
  interopCases(() => connectPeer(createClient(InteropService, transport)));
});
