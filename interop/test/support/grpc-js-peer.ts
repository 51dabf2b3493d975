import { create, fromBinary } from "@bufbuild/protobuf";
import { type Code, ConnectError } from "@connectrpc/connect";
import grpc from "@grpc/grpc-js";
import {
  BidiStreamRequestSchema,
  type BidiStreamResponse,
  ClientStreamRequestSchema,
  type ClientStreamResponse,
  InteropService,
  ServerStreamRequestSchema,
  type ServerStreamResponse,
  UnaryRequestSchema,
  type UnaryResponse,
} from "@meshwright/interop/gen/meshwright/interop/v1/interop_pb";
import { grpcJsDefinition } from "@meshwright/interop/grpc-js";
import { StatusSchema } from "@meshwright/proto/google/rpc/status_pb";
import type { Peer, PeerOptions } from "./peer.js";

/** A grpc-js client, made to look like the others. */
export function grpcJsPeer(
  address: string,
  gzip: boolean,
  credentials: grpc.ChannelCredentials = grpc.credentials.createInsecure(),
): Peer & { close(): void } {
  const definition = grpcJsDefinition(InteropService);
  const client = new grpc.Client(address, credentials, {
    "grpc.default_compression_algorithm": gzip ? grpc.compressionAlgorithms.gzip : grpc.compressionAlgorithms.identity,
  });
  const method = (name: string) => {
    const found = definition[name];
    if (found === undefined) throw new Error(`no method ${name}`);
    return found;
  };
  const callOptions = ({ timeoutMs }: PeerOptions = {}): grpc.CallOptions =>
    timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };

  return {
    unary: (request, options) =>
      new Promise((resolve, reject) => {
        const { path, requestSerialize, responseDeserialize } = method("unary");
        let headers = new Headers();
        let trailers = new Headers();
        let message: UnaryResponse | undefined;
        const call = client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize as (bytes: Buffer) => UnaryResponse,
          create(UnaryRequestSchema, { ...request }),
          metadataOf(options?.headers),
          callOptions(options),
          (error, answer) => {
            if (error !== null) reject(errorOf(error));
            else message = answer;
          },
        );
        options?.signal?.addEventListener("abort", () => call.cancel());
        call.on("metadata", (metadata: grpc.Metadata) => {
          headers = headersOf(metadata);
        });
        call.on("status", (status: grpc.StatusObject) => {
          trailers = headersOf(status.metadata);
          // The callback and this event come in either order.
          setImmediate(() => {
            if (message !== undefined) resolve({ message, headers, trailers });
          });
        });
      }),
    async *serverStream(request, options) {
      const { path, requestSerialize, responseDeserialize } = method("serverStream");
      const call = client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        create(ServerStreamRequestSchema, { ...request }),
        metadataOf(options?.headers),
        callOptions(options),
      );
      options?.signal?.addEventListener("abort", () => call.cancel());
      yield* messagesOf<ServerStreamResponse>(call);
    },
    clientStream: (requests) =>
      new Promise((resolve, reject) => {
        const { path, requestSerialize, responseDeserialize } = method("clientStream");
        const call = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, (error, answer) => {
          if (error === null) resolve(answer as ClientStreamResponse);
          else reject(errorOf(error));
        });
        void (async () => {
          for await (const request of requests) call.write(create(ClientStreamRequestSchema, { ...request }));
          call.end();
        })();
      }),
    async *bidiStream(requests) {
      const { path, requestSerialize, responseDeserialize } = method("bidiStream");
      const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
      void (async () => {
        for await (const request of requests) call.write(create(BidiStreamRequestSchema, { ...request }));
        call.end();
      })();
      yield* messagesOf<BidiStreamResponse>(call);
    },
    close: () => client.close(),
  };
}

async function* messagesOf<T>(call: AsyncIterable<unknown>): AsyncGenerator<T> {
  try {
    for await (const message of call) yield message as T;
  } catch (error) {
    throw errorOf(error as grpc.ServiceError);
  }
}

function metadataOf(headers: Record<string, string> = {}): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) {
    metadata.set(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  return metadata;
}

function headersOf(metadata: grpc.Metadata): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(metadata.getMap())) {
    headers.set(name, typeof value === "string" ? value : value.toString("base64").replace(/=+$/, ""));
  }
  return headers;
}

function errorOf(error: grpc.ServiceError): ConnectError {
  const converted = new ConnectError(error.details, error.code as number as Code, headersOf(error.metadata));
  const [status] = error.metadata.get("grpc-status-details-bin");
  if (status instanceof Buffer) {
    converted.details = fromBinary(StatusSchema, status).details.map(({ typeUrl, value }) => ({
      type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
      value,
    }));
  }
  return converted;
}
