import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2Session,
  type SecureServerOptions,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import grpc from "@grpc/grpc-js";
import {
  type BidiStreamRequest,
  BidiStreamResponseSchema,
  type ClientStreamRequest,
  ClientStreamResponseSchema,
  FailureDetailSchema,
  InteropService,
  type ServerStreamRequest,
  ServerStreamResponseSchema,
  type UnaryRequest,
  UnaryResponseSchema,
} from "@meshwright/interop/gen/meshwright/interop/v1/interop_pb";
import { grpcJsDefinition } from "@meshwright/interop/grpc-js";
import { ECHO_PREFIX, interopHandlers } from "@meshwright/interop/handlers";
import { StatusSchema } from "@meshwright/proto/google/rpc/status_pb";

/** A server of another library. */
export interface ForeignServer {
  readonly port: number;
  close(): Promise<void>;
}

/** InteropService on connect-node. */
export async function startConnectNode(tls?: SecureServerOptions): Promise<ForeignServer> {
  const handler = connectNodeAdapter({ routes: (router) => router.service(InteropService, interopHandlers) });
  const server = tls === undefined ? createHttp2Server(handler) : createSecureServer(tls, handler);
  const sessions = new Set<Http2Session>();
  server.on("session", (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        for (const session of sessions) session.destroy();
        server.close(() => resolve());
      }),
  };
}

/** InteropService on grpc-js. */
export async function startGrpcJs(
  credentials: grpc.ServerCredentials = grpc.ServerCredentials.createInsecure(),
): Promise<ForeignServer> {
  const server = new grpc.Server();
  server.addService(grpcJsDefinition(InteropService), grpcJsHandlers);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return { port, close: async () => server.forceShutdown() };
}

const grpcJsHandlers: grpc.UntypedServiceImplementation = {
  unary(call: grpc.ServerUnaryCall<UnaryRequest, unknown>, callback: grpc.sendUnaryData<unknown>) {
    const { text, payload, delayMs, failCode, failMessage } = call.request;
    const headers = new grpc.Metadata();
    const trailers = new grpc.Metadata();
    for (const [name, value] of Object.entries(call.metadata.getMap())) {
      if (!name.startsWith(ECHO_PREFIX)) continue;
      headers.set(name, value);
      trailers.set(name.endsWith("-bin") ? name.replace(/-bin$/, "-trailer-bin") : `${name}-trailer`, value);
    }
    call.sendMetadata(headers);
    const timer = setTimeout(() => {
      if (failCode === 0) {
        callback(null, create(UnaryResponseSchema, { text, payload }), trailers);
        return;
      }
      const detail = anyPack(FailureDetailSchema, create(FailureDetailSchema, { reason: `because of ${failMessage}` }));
      const status = create(StatusSchema, { code: failCode, message: failMessage, details: [detail] });
      trailers.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, status)));
      trailers.set("x-failure", "yes");
      callback({ code: failCode, details: failMessage, metadata: trailers });
    }, delayMs);
    call.on("cancelled", () => clearTimeout(timer));
  },
  serverStream(call: grpc.ServerWritableStream<ServerStreamRequest, unknown>) {
    const { text, count, delayMs } = call.request;
    let index = 0;
    const next = (): void => {
      if (call.cancelled) return;
      if (index === count) {
        call.end();
        return;
      }
      call.write(create(ServerStreamResponseSchema, { text: `${text} ${index}` }));
      index += 1;
      setTimeout(next, delayMs);
    };
    next();
  },
  clientStream(call: grpc.ServerReadableStream<ClientStreamRequest, unknown>, callback: grpc.sendUnaryData<unknown>) {
    let messages = 0;
    let bytes = 0n;
    call.on("data", ({ payload }: ClientStreamRequest) => {
      messages += 1;
      bytes += BigInt(payload.byteLength);
    });
    call.on("end", () => callback(null, create(ClientStreamResponseSchema, { messages, bytes })));
  },
  bidiStream(call: grpc.ServerDuplexStream<BidiStreamRequest, unknown>) {
    call.on("data", ({ text }: BidiStreamRequest) =>
      call.write(create(BidiStreamResponseSchema, { text: `echo ${text}` })),
    );
    call.on("end", () => call.end());
  },
};
