import { once } from "node:events";
import { create } from "@bufbuild/protobuf";
import grpc from "@grpc/grpc-js";
import {
  type ClientStreamRequest,
  ClientStreamRequestSchema,
  type ClientStreamResponse,
  ClientStreamResponseSchema,
  InteropService,
  type ServerStreamRequest,
  ServerStreamRequestSchema,
  type ServerStreamResponse,
  ServerStreamResponseSchema,
  type UnaryRequest,
  UnaryRequestSchema,
  type UnaryResponse,
  UnaryResponseSchema,
} from "@meshwright/interop/gen/meshwright/interop/v1/interop_pb";
import { grpcJsDefinition } from "@meshwright/interop/grpc-js";
import type { SystemUnderTest } from "./system.js";

type Answer<T> = (error: grpc.ServiceError | null, answer?: T) => void;

/** The methods of a grpc-js client, as the definition makes them. */
interface GrpcJsClient {
  unary(request: UnaryRequest, answer: Answer<UnaryResponse>): void;
  serverStream(request: ServerStreamRequest): grpc.ClientReadableStream<ServerStreamResponse>;
  clientStream(answer: Answer<ClientStreamResponse>): grpc.ClientWritableStream<ClientStreamRequest>;
}

const implementation: grpc.UntypedServiceImplementation = {
  unary(call: grpc.ServerUnaryCall<UnaryRequest, UnaryResponse>, answer: grpc.sendUnaryData<UnaryResponse>) {
    answer(null, create(UnaryResponseSchema, { payload: call.request.payload }));
  },
  async serverStream(call: grpc.ServerWritableStream<ServerStreamRequest, ServerStreamResponse>) {
    const { count, payloadBytes } = call.request;
    const payload = new Uint8Array(payloadBytes);
    for (let index = 0; index < count; index += 1) {
      if (!call.write(create(ServerStreamResponseSchema, { payload }))) await once(call, "drain");
    }
    call.end();
  },
  clientStream(
    call: grpc.ServerReadableStream<ClientStreamRequest, ClientStreamResponse>,
    answer: grpc.sendUnaryData<ClientStreamResponse>,
  ) {
    let messages = 0;
    let bytes = 0;
    call.on("data", ({ payload }: ClientStreamRequest) => {
      messages += 1;
      bytes += payload.byteLength;
    });
    call.on("end", () => answer(null, create(ClientStreamResponseSchema, { messages, bytes: BigInt(bytes) })));
  },
};

/** grpc-js, with protobuf-es as its codec. */
export const grpcJs: SystemUnderTest = {
  serve({ tls }) {
    const server = new grpc.Server();
    server.addService(grpcJsDefinition(InteropService), implementation);
    const credentials =
      tls === undefined
        ? grpc.ServerCredentials.createInsecure()
        : grpc.ServerCredentials.createSsl(null, [
            { cert_chain: Buffer.from(tls.certificate), private_key: Buffer.from(tls.privateKey) },
          ]);
    return new Promise((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", credentials, (error, port) =>
        error === null ? resolve(`127.0.0.1:${port}`) : reject(error),
      );
    });
  },

  async connect({ address, tls }) {
    const credentials =
      tls === undefined ? grpc.credentials.createInsecure() : grpc.credentials.createSsl(Buffer.from(tls.authority));
    const Client = grpc.makeGenericClientConstructor(grpcJsDefinition(InteropService), "InteropService");
    const client = new Client(address, credentials) as unknown as GrpcJsClient;
    return {
      unary: (payload) =>
        new Promise((resolve, reject) => {
          client.unary(create(UnaryRequestSchema, { payload }), (error, answer) =>
            error === null ? resolve(answer?.payload.byteLength ?? 0) : reject(error),
          );
        }),
      serverStream: (count, payloadBytes) =>
        new Promise((resolve, reject) => {
          let messages = 0;
          const call = client.serverStream(create(ServerStreamRequestSchema, { count, payloadBytes }));
          call.on("data", ({ payload }: ServerStreamResponse) => {
            if (payload.byteLength === payloadBytes) messages += 1;
          });
          call.on("error", reject);
          call.on("end", () => resolve(messages));
        }),
      clientStream: (messages, payload) =>
        new Promise((resolve, reject) => {
          const call = client.clientStream((error, answer) =>
            error === null ? resolve(Number(answer?.bytes ?? 0)) : reject(error),
          );
          const send = async (): Promise<void> => {
            for (let index = 0; index < messages; index += 1) {
              if (!call.write(create(ClientStreamRequestSchema, { payload }))) await once(call, "drain");
            }
            call.end();
          };
          send().catch(reject);
        }),
    };
  },
};
