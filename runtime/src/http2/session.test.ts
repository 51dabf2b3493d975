import { once } from "node:events";
import http2 from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../base/clock.js";
import type { Listener } from "../base/network.js";
import { nodeNetwork } from "../net/node-network.js";
import { openHttp2Session } from "./session.js";
import { RESPONSE, RecordedStream } from "./test/scripted-peer.js";
import {
  type ConnectionError,
  ErrorCode,
  type HeaderFields,
  type Http2Connection,
  type Http2Options,
} from "./types.js";

// node:http2 is the oracle: another implementation of HPACK, frames and flow control, over real sockets.

const MIB = 1024 * 1024;
const CALL: HeaderFields = [
  ":method",
  "POST",
  ":scheme",
  "http",
  ":path",
  "/a.B/C",
  ":authority",
  "a",
  "te",
  "trailers",
];
const body = Buffer.from(Uint8Array.from({ length: MIB }, (_, at) => at * 31 + (at >> 8)));
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A stream's handler whose end can be awaited. */
class AwaitedStream extends RecordedStream {
  readonly ended = new Promise<void>((resolve) => {
    this.onClose = (error) => {
      this.closed.push(error);
      resolve();
    };
  });

  get bytes(): Buffer {
    return Buffer.concat(this.body);
  }
}

interface OurSession {
  readonly connection: Http2Connection;
  readonly over: Promise<ConnectionError | undefined>;
  open(fields?: HeaderFields, endStream?: boolean): AwaitedStream;
}

/** Our client, connected to a node:http2 server that answers with `onStream`. */
async function clientOf(
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
  serverOptions: http2.ServerOptions = {},
  options: Http2Options = {},
): Promise<OurSession & { readonly session: http2.ServerHttp2Session; readonly socket: Socket }> {
  const server = http2.createServer(serverOptions);
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    onStream(stream, headers);
  });
  const accepted = Promise.all([once(server, "session"), once(server, "connection")]);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const stream = await nodeNetwork.connect({ kind: "tcp", host: "127.0.0.1", port }, { timeoutMs: 5000 });
  let finish: (error: ConnectionError | undefined) => void;
  const over = new Promise<ConnectionError | undefined>((resolve) => {
    finish = resolve;
  });
  let didAcceptSettings: () => void;
  const ready = new Promise<void>((resolve) => {
    didAcceptSettings = resolve;
  });
  const connection = openHttp2Session({
    role: "client",
    stream,
    rng: () => 0.5,
    clock: systemClock,
    options,
    handler: {
      onCapacity: () => didAcceptSettings(),
      onStream: () => new RecordedStream(),
      onClose: (error) => finish(error),
    },
  });
  await ready;
  const [[session], [socket]] = (await accepted) as [[http2.ServerHttp2Session], [Socket]];
  cleanups.push(async () => {
    connection.close(ErrorCode.NO_ERROR, "the test is over");
    const closed = new Promise((resolve) => server.close(resolve));
    session.destroy();
    await closed;
  });
  return {
    connection,
    over,
    session,
    socket,
    open: (fields = CALL, endStream = false) => {
      const recorded = new AwaitedStream();
      recorded.stream = connection.openStream({ fields }, undefined, endStream, recorded);
      return recorded;
    },
  };
}

/** A node:http2 client, connected to our server role that answers with `onRequest`. */
async function nodeClientOf(
  onRequest: (recorded: AwaitedStream, fields: HeaderFields) => void,
  options: Http2Options = {},
  settings: http2.Settings = {},
): Promise<{ readonly client: http2.ClientHttp2Session; readonly server: Http2Connection }> {
  let accept: (connection: Http2Connection) => void;
  const accepted = new Promise<Http2Connection>((resolve) => {
    accept = resolve;
  });
  const listener: Listener = await nodeNetwork.listen({ kind: "tcp", host: "127.0.0.1", port: 0 }, (stream) => {
    const connection = openHttp2Session({
      role: "server",
      stream,
      rng: () => 0.5,
      clock: systemClock,
      options,
      handler: {
        onCapacity: () => {},
        onClose: () => {},
        onStream: (opened, fields) => {
          const recorded = new AwaitedStream();
          recorded.stream = opened;
          onRequest(recorded, fields);
          return recorded;
        },
      },
    });
    accept(connection);
  });
  const { address } = listener;
  if (address.kind !== "tcp") throw new Error("asked for a TCP port");
  const client = http2.connect(`http://127.0.0.1:${address.port}`, { settings });
  client.on("error", () => {});
  await once(client, "remoteSettings");
  cleanups.push(async () => {
    await listener.close();
    if (client.closed || client.destroyed) return;
    const closed = once(client, "close");
    client.destroy();
    await closed;
  });
  return { client, server: await accepted };
}

/** Sends one request with node:http2 and waits for all of its response. */
async function nodeRequest(client: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders, content?: Buffer) {
  const request = client.request({ ":method": "POST", ":path": "/a.B/C", te: "trailers", ...headers });
  let trailers: http2.IncomingHttpHeaders = {};
  request.on("trailers", (received) => {
    trailers = received;
  });
  const responded = once(request, "response");
  request.end(content);
  const [response] = (await responded) as [http2.IncomingHttpHeaders];
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return { response, trailers, bytes: Buffer.concat(chunks) };
}

/** A node:http2 handler that sends the request's body back, then trailers. */
function echo(stream: http2.ServerHttp2Stream): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0", "x-long": "t".repeat(500) }));
  stream.pipe(stream);
}

describe("our client at a node:http2 server", () => {
  it("exchanges 1 MiB both ways, with trailers", async () => {
    const { open } = await clientOf(echo);
    const stream = open([...CALL, "x-id", "7"]);
    stream.stream?.sendData(body, true, Buffer.of());
    await stream.ended;
    expect(stream.bytes.equals(body)).toBe(true);
    expect(stream.headers[0]?.fields.slice(0, 2)).toEqual([":status", "200"]);
    expect(stream.headers[1]).toEqual({ fields: ["grpc-status", "0", "x-long", "t".repeat(500)], endStream: true });
    expect(stream.closed).toEqual([undefined]);
  });

  it("exchanges 1 MiB over windows and tables that are as small as they may be", async () => {
    const settings = { initialWindowSize: 1000, headerTableSize: 0 };
    const { open } = await clientOf(echo, { settings }, { initialStreamWindowBytes: 1000, connectionWindowBytes: 1 });
    const stream = open();
    stream.stream?.sendData(body, true);
    await stream.ended;
    expect(stream.bytes.equals(body)).toBe(true);
  });

  it("runs 100 streams at once", async () => {
    const { open } = await clientOf(echo);
    const streams = Array.from({ length: 100 }, (_, index) => {
      const stream = open([...CALL, "x-index", String(index)]);
      stream.stream?.sendData(body.subarray(index, index + 50_000 + index), true);
      return stream;
    });
    await Promise.all(streams.map(({ ended }) => ended));
    for (const [index, { bytes, closed }] of streams.entries()) {
      expect(bytes.equals(body.subarray(index, index + 50_000 + index))).toBe(true);
      expect(closed).toEqual([undefined]);
    }
  });

  it("sends a header list of many fields that takes CONTINUATION frames", async () => {
    const received: http2.IncomingHttpHeaders[] = [];
    const { open } = await clientOf(
      (stream, headers) => {
        received.push(headers);
        stream.respond({ ":status": 204 }, { endStream: true });
      },
      { settings: { maxHeaderListSize: 65_535 } },
    );
    const large = Array.from({ length: 50 }, (_, index) => [`x-${index}`, `${index}~`.repeat(200)]).flat();
    for (let round = 0; round < 2; round++) await open([...CALL, ...large], true).ended;
    for (const headers of received) expect(headers["x-49"]).toBe("49~".repeat(200));
    expect(received).toHaveLength(2);
  });

  it("learns of a reset with its code", async () => {
    const { open } = await clientOf((stream) => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM));
    const stream = open();
    await stream.ended;
    expect(stream.closed).toMatchObject([{ code: ErrorCode.REFUSED_STREAM, origin: "remote", unprocessed: true }]);
  });

  it("finishes its streams after GOAWAY, then closes in order", async () => {
    const { connection, over, open, session } = await clientOf((stream) => {
      session.close();
      echo(stream);
    });
    const stream = open();
    stream.stream?.sendData(body, true);
    expect(await over).toBeUndefined();
    expect(stream.bytes.equals(body)).toBe(true);
    expect([stream.closed, connection.canOpenStream]).toEqual([[undefined], false]);
  });

  it("calls streams that the connection took along unavailable", async () => {
    const { over, open, socket } = await clientOf(() => socket.destroy());
    const stream = open();
    expect(await over).toMatchObject({ code: ErrorCode.CONNECT_ERROR });
    expect(stream.closed).toMatchObject([{ code: ErrorCode.CONNECT_ERROR, origin: "remote", unprocessed: false }]);
  });
});

describe("our server role under a node:http2 client", () => {
  const answer = (recorded: AwaitedStream): void => {
    const { stream } = recorded;
    const onData = recorded.onData.bind(recorded);
    stream?.sendHeaders({ fields: RESPONSE }, undefined, false);
    recorded.onData = (bytes, endStream) => {
      onData(bytes, endStream);
      stream?.sendData(Buffer.from(bytes), false);
      if (endStream) stream?.sendHeaders({ fields: ["grpc-status", "0"] }, ["x-long", "t".repeat(500)], true);
    };
  };

  it("exchanges 1 MiB both ways, with trailers", async () => {
    const { client } = await nodeClientOf(answer);
    const { response, trailers, bytes } = await nodeRequest(client, {}, body);
    expect(response).toMatchObject({ ":status": 200, "content-type": "application/grpc" });
    expect(bytes.equals(body)).toBe(true);
    expect(trailers).toMatchObject({ "grpc-status": "0", "x-long": "t".repeat(500) });
  });

  it("exchanges 1 MiB over windows and tables that are as small as they may be", async () => {
    const { client } = await nodeClientOf(
      answer,
      { initialStreamWindowBytes: 1000, connectionWindowBytes: 1 },
      { initialWindowSize: 1000, headerTableSize: 0 },
    );
    expect((await nodeRequest(client, {}, body)).bytes.equals(body)).toBe(true);
  });

  it("runs 100 streams at once, with headers from the table and beside it", async () => {
    const seen = new Set<string>();
    const { client } = await nodeClientOf((recorded, fields) => {
      seen.add(fields[fields.indexOf("x-index") + 1] ?? "");
      answer(recorded);
    });
    const all = Array.from({ length: 100 }, (_, index) =>
      nodeRequest(client, { "x-index": String(index), "user-agent": "oracle" }, body.subarray(index, index + 50_000)),
    );
    for (const [index, { bytes }] of (await Promise.all(all)).entries()) {
      expect(bytes.equals(body.subarray(index, index + 50_000))).toBe(true);
    }
    expect(seen.size).toBe(100);
  });

  it("reads a header list that takes CONTINUATION frames", async () => {
    const { client } = await nodeClientOf(
      (recorded, fields) => {
        const length = fields[fields.indexOf("x-large") + 1]?.length;
        recorded.stream?.sendHeaders({ fields: RESPONSE }, ["x-length", String(length)], true);
      },
      { maxHeaderListBytes: 60_000 },
    );
    const { response } = await nodeRequest(client, { "x-large": "\x7e".repeat(40_000) });
    expect(response["x-length"]).toBe("40000");
  });

  it("drains: GOAWAY, the open stream to its end, then the socket", async () => {
    let open: AwaitedStream | undefined;
    const { client, server } = await nodeClientOf((recorded) => {
      open = recorded;
      recorded.stream?.sendHeaders({ fields: RESPONSE }, undefined, false);
      server.drain();
    });
    const closed = once(client, "close");
    client.once("goaway", () => open?.stream?.sendData(body, true));
    const { bytes } = await nodeRequest(client, {});
    expect(bytes.equals(body)).toBe(true);
    await closed;
    expect([open?.closed, server.openStreams]).toEqual([[undefined], 0]);
  });

  it("learns that the client cancelled", async () => {
    let accept: (recorded: AwaitedStream) => void;
    const accepted = new Promise<AwaitedStream>((resolve) => {
      accept = resolve;
    });
    const { client } = await nodeClientOf((recorded) => accept(recorded));
    const request = client.request({ ":method": "POST", ":path": "/a.B/C" });
    request.on("error", () => {});
    const recorded = await accepted;
    request.close(http2.constants.NGHTTP2_CANCEL);
    await recorded.ended;
    expect(recorded.closed).toMatchObject([{ code: ErrorCode.CANCEL, origin: "remote" }]);
  });
});
