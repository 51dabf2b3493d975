// One server process: node server.js SYSTEM [CONTROL-PLANE]
import { createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, createServer as createNetServer } from "node:net";
import { create } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import grpc from "@grpc/grpc-js";
import { interopService } from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
import {
  InteropService,
  type UnaryRequest,
  UnaryResponseSchema,
} from "@meshwright/interop/gen/meshwright/interop/v1/interop_pb";
import { grpcJsDefinition } from "@meshwright/interop/grpc-js";
import { interopHandlers } from "@meshwright/interop/handlers";
import { createMesh } from "@meshwright/runtime";
import { cpuUs, type FromServer, type System, type ToServer } from "./protocol.js";

const [system, controlPlane] = process.argv.slice(2);

const starters: Readonly<Record<System, () => Promise<string>>> = {
  async meshwright() {
    const mesh = await createMesh({ controlPlane });
    const { address } = await mesh.serve({
      port: 0,
      services: [interopService({ ...interopHandlers, unary: ({ text }) => ({ text }) })],
    });
    return address;
  },

  async "grpc-js"() {
    const server = new grpc.Server();
    server.addService(grpcJsDefinition(InteropService), {
      unary(call: grpc.ServerUnaryCall<UnaryRequest, unknown>, callback: grpc.sendUnaryData<unknown>) {
        callback(null, create(UnaryResponseSchema, { text: call.request.text }));
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    return `127.0.0.1:${port}`;
  },

  "connect-node"() {
    const adapter = connectNodeAdapter({
      routes: (router) => router.service(InteropService, { unary: ({ text }) => ({ text }) }),
    });
    const server = createHttp2Server(adapter);
    return new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(addressOf(server.address() as AddressInfo)));
    });
  },

  "node:net"() {
    // What comes goes back: the floor that no RPC can get under.
    const server = createNetServer({ noDelay: true }, (socket) => socket.on("data", (chunk) => socket.write(chunk)));
    return new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(addressOf(server.address() as AddressInfo)));
    });
  },
};

function addressOf({ address, port }: AddressInfo): string {
  return `${address}:${port}`;
}

function tell(message: FromServer): void {
  process.send?.(message);
}

process.on("message", (message: ToServer) => {
  if (message.kind === "cpu") tell({ kind: "cpu", us: cpuUs() });
});
process.on("disconnect", () => process.exit(0));

tell({ kind: "ready", address: await starters[system as System]() });
