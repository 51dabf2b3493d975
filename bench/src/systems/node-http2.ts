import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createSecureServer,
  createServer,
  type ServerHttp2Stream,
} from "node:http2";
import { create, type DescMethod, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { InteropService } from "@meshwright/interop/gen/meshwright/interop/v1/interop_pb";
import { messageCutter, writeMessage } from "./grpc-frames.js";
import { listen } from "./listen.js";
import type { SystemUnderTest } from "./system.js";

const { unary, serverStream, clientStream } = InteropService.method;

const RESPONSE_HEADERS = { ":status": 200, "content-type": "application/grpc" };

/** Answers the calls of one method: `onRequest` gets each message, `onEnd` ends the call. */
type Serve = (stream: ServerHttp2Stream) => { onRequest(message: Uint8Array): void; onEnd(): void | Promise<void> };

const services: Readonly<Record<string, Serve>> = {
  [pathOf(unary)]: (stream) => {
    let payload: Uint8Array = new Uint8Array(0);
    return {
      onRequest: (message) => {
        payload = fromBinary(unary.input, message).payload;
      },
      onEnd: () => {
        writeMessage(stream, toBinary(unary.output, create(unary.output, { payload })));
      },
    };
  },
  [pathOf(serverStream)]: (stream) => {
    let request = create(serverStream.input);
    return {
      onRequest: (message) => {
        request = fromBinary(serverStream.input, message);
      },
      onEnd: async () => {
        const payload = new Uint8Array(request.payloadBytes);
        for (let index = 0; index < request.count; index += 1) {
          const message = toBinary(serverStream.output, create(serverStream.output, { payload }));
          if (!writeMessage(stream, message)) await once(stream, "drain");
        }
      },
    };
  },
  [pathOf(clientStream)]: (stream) => {
    let messages = 0;
    let bytes = 0;
    return {
      onRequest: (message) => {
        messages += 1;
        bytes += fromBinary(clientStream.input, message).payload.byteLength;
      },
      onEnd: () => {
        const answer = create(clientStream.output, { messages, bytes: BigInt(bytes) });
        writeMessage(stream, toBinary(clientStream.output, answer));
      },
    };
  },
};

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function serveStream(stream: ServerHttp2Stream, path: string): void {
  const service = services[path];
  if (service === undefined) throw new Error(`no method ${path}`);
  const { onRequest, onEnd } = service(stream);
  stream.on("data", messageCutter(onRequest));
  stream.on("end", async () => {
    stream.respond(RESPONSE_HEADERS, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    await onEnd();
    stream.end();
  });
}

/** Opens a call; the promise resolves when it ended with status 0. */
function open<M extends DescMethod>(
  session: ClientHttp2Session,
  method: M,
  onResponse: (message: MessageShape<M["output"]>) => void,
): { readonly stream: ClientHttp2Stream; readonly ended: Promise<void> } {
  const stream = session.request({
    ":method": "POST",
    ":path": pathOf(method),
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on(
    "data",
    messageCutter((message) => onResponse(fromBinary(method.output, message) as MessageShape<M["output"]>)),
  );
  const ended = new Promise<void>((resolve, reject) => {
    let status: unknown;
    stream.on("trailers", (trailers) => {
      status = trailers["grpc-status"];
    });
    stream.on("error", reject);
    stream.on("close", () => (status === "0" ? resolve() : reject(new Error(`grpc-status ${status}`))));
  });
  return { stream, ended };
}

/** node:http2 with the least of gRPC on it: framing by hand, protobuf-es as the codec, no library. */
export const nodeHttp2: SystemUnderTest = {
  serve({ tls }) {
    const server =
      tls === undefined ? createServer() : createSecureServer({ cert: tls.certificate, key: tls.privateKey });
    server.on("stream", (stream, headers) => serveStream(stream, headers[":path"] ?? ""));
    return listen(server);
  },

  async connect({ address, tls }) {
    const session =
      tls === undefined ? connect(`http://${address}`) : connect(`https://${address}`, { ca: tls.authority });
    await once(session, "connect");
    return {
      async unary(payload) {
        let byteCount = 0;
        const { stream, ended } = open(session, unary, (answer) => {
          byteCount = answer.payload.byteLength;
        });
        writeMessage(stream, toBinary(unary.input, create(unary.input, { payload })));
        stream.end();
        await ended;
        return byteCount;
      },
      async serverStream(count, payloadBytes) {
        let messages = 0;
        const { stream, ended } = open(session, serverStream, ({ payload }) => {
          if (payload.byteLength === payloadBytes) messages += 1;
        });
        writeMessage(stream, toBinary(serverStream.input, create(serverStream.input, { count, payloadBytes })));
        stream.end();
        await ended;
        return messages;
      },
      async clientStream(messages, payload) {
        let bytes = 0;
        const { stream, ended } = open(session, clientStream, (answer) => {
          bytes = Number(answer.bytes);
        });
        for (let index = 0; index < messages; index += 1) {
          const message = toBinary(clientStream.input, create(clientStream.input, { payload }));
          if (!writeMessage(stream, message)) await once(stream, "drain");
        }
        stream.end();
        await ended;
        return bytes;
      },
    };
  },
};
