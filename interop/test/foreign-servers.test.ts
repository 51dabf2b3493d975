import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { type ControlPlane, createControlPlane } from "@meshwright/control-plane";
import { createInteropClient, interopMesh } from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
import { InteropService } from "@meshwright/interop/gen/meshwright/interop/v1/interop_pb";
import { createMesh, type Mesh } from "@meshwright/runtime";
import { afterAll, beforeAll, describe } from "vitest";
import { interopCases } from "./support/cases.js";
import { connectPeer } from "./support/connect-peer.js";
import { type ForeignServer, startConnectNode, startGrpcJs } from "./support/foreign-servers.js";

describe.for([
  { name: "@grpc/grpc-js", start: startGrpcJs },
  { name: "@connectrpc/connect-node", start: startConnectNode },
])("a $name server as the endpoint of a ServiceEntry", ({ start }) => {
  let server: ForeignServer;
  let folder: string;
  let controlPlane: ControlPlane;
  let mesh: Mesh;
  let compressingMesh: Mesh;

  beforeAll(async () => {
    server = await start();
    folder = await mkdtemp(join(tmpdir(), "meshwright-interop-"));
    await writeFile(
      join(folder, "interop.yaml"),
      `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: interop
spec:
  hosts: [${interopMesh.host}]
  resolution: STATIC
  location: MESH_INTERNAL
  ports: [{number: ${interopMesh.port}, name: grpc, protocol: GRPC}]
  endpoints: [{address: 127.0.0.1, ports: {grpc: ${server.port}}}]
`,
    );
    controlPlane = await createControlPlane({ directory: folder, listen: "127.0.0.1:0" });
    mesh = await createMesh({ controlPlane: controlPlane.address });
    const compression = { sendCompression: "gzip", compressMinBytes: 0 } as const;
    compressingMesh = await createMesh({ controlPlane: controlPlane.address, ...compression });
  });

  afterAll(async () => {
    await mesh.close();
    await compressingMesh.close();
    await controlPlane.close();
    await server.close();
    await rm(folder, { recursive: true });
  });

  describe("called by the generated stub", () => {
    interopCases(() => connectPeer(createInteropClient(mesh)));
  });

  describe("called by the generated stub with gzip", () => {
    interopCases(() => connectPeer(createInteropClient(compressingMesh)));
  });

  describe("called by Connect's createClient over mesh.transport()", () => {
    interopCases(() => connectPeer(createClient(InteropService, mesh.transport())));
  });
});
