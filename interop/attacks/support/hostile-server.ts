import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createControlPlane } from "@meshwright/control-plane";
import { interopMesh } from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
import { RawPeer, type RawPeerOptions } from "./raw-peer.js";

/** A server that says whatever it is told to, and a control plane that sends clients there. */
export interface HostileServer extends AsyncDisposable {
  readonly controlPlane: string;
  /** Gets every connection from now on; they are not kept. */
  serve(options: RawPeerOptions, onPeer: (peer: RawPeer) => void): void;
}

export async function startHostileServer(): Promise<HostileServer> {
  let options: RawPeerOptions = {};
  let onPeer: (peer: RawPeer) => void = (peer) => peer.destroy();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    onPeer(new RawPeer(socket, "server", options));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const controlPlane = await startControlPlaneFor(port);
  return {
    controlPlane: controlPlane.address,
    serve(newOptions, newOnPeer) {
      options = newOptions;
      onPeer = newOnPeer;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      await controlPlane[Symbol.asyncDispose]();
    },
  };
}

/** A control plane that sends the clients of InteropService to a port of this machine. */
export async function startControlPlaneFor(port: number): Promise<{ readonly address: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), "meshwright-attacks-"));
  await writeFile(
    join(directory, "interop.yaml"),
    `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: interop
spec:
  hosts: [${interopMesh.host}]
  resolution: STATIC
  location: MESH_INTERNAL
  ports: [{number: ${interopMesh.port}, name: grpc, protocol: GRPC}]
  endpoints: [{address: 127.0.0.1, ports: {grpc: ${port}}}]
`,
  );
  const controlPlane = await createControlPlane({ directory, listen: "127.0.0.1:0" });
  return {
    address: controlPlane.address,
    async [Symbol.asyncDispose]() {
      await controlPlane.close();
      await rm(directory, { recursive: true });
    },
  };
}
