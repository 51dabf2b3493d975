import { once } from "node:events";
import http2 from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import {
  createHttp2Connection,
  type HeaderFields,
  type Http2Connection,
  systemClock,
  systemRng,
} from "@meshwright/runtime/wire";
import type { Fields } from "./stories.js";

/** Requests that are under way at once. */
const IN_FLIGHT = 50;

/** Fields that may stand in a request beside those that {@link asRequest} adds. */
const NOT_IN_REQUESTS = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "te",
  "host",
  "content-length",
  "http2-settings",
]);

/** Visible characters with white space in between: what RFC 9113 section 8.2.1 leaves of a value, but for obs-text. */
const LEGAL_VALUE = /^[\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*$/;

/** The fields of a list that HTTP/2 allows in any request, behind the pseudo headers of one. */
export function asRequest(fields: Fields, index: number): Fields {
  const request = [":method", "GET", ":scheme", "http", ":authority", "a.example", ":path", `/${index}`];
  for (let at = 0; at < fields.length; at += 2) {
    const [name = "", value = ""] = [fields[at], fields[at + 1]];
    const isAllowed = !name.startsWith(":") && !NOT_IN_REQUESTS.has(name) && LEGAL_VALUE.test(value);
    // Of several values of a name, node:http2 takes the first one only: cookies and the like are for other peers.
    if (isAllowed && !request.includes(name)) request.push(name, value);
  }
  return request;
}

/** What a `node:http2` server with a table of so many bytes reads of requests that our client sends. */
export async function readByNode(requests: readonly Fields[], tableBytes: number): Promise<Map<string, Fields>> {
  const read = new Map<string, Fields>();
  const server = http2.createServer({ settings: { headerTableSize: tableBytes }, maxHeaderListPairs: 1000 });
  server.on("stream", (stream: http2.ServerHttp2Stream, _headers: unknown, _flags: number, rawHeaders: string[]) => {
    read.set(pathOf(rawHeaders), rawHeaders);
    stream.respond({ ":status": 200 }, { endStream: true });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { connect } = await import("node:net");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  const client = wire("client", socket, tableBytes, () => {});
  // The server's SETTINGS come before anything is encoded.
  await once(socket, "data");
  for (let at = 0; at < requests.length; at += IN_FLIGHT) {
    const batch = requests.slice(at, at + IN_FLIGHT);
    await Promise.all(
      batch.map(
        (fields) =>
          new Promise<void>((resolve) => {
            // As a template the fields go through the table, which is what is to be shown.
            client.openStream({ fields }, undefined, true, {
              onHeaders: () => {},
              onData: () => {},
              onWritable: () => {},
              onClose: () => resolve(),
            });
          }),
      ),
    );
  }
  socket.destroy();
  server.close();
  return read;
}

/** What our server with a table of so many bytes reads of requests that a `node:http2` client sends. */
export async function readFromNode(requests: readonly Fields[], tableBytes: number): Promise<Map<string, Fields>> {
  const read = new Map<string, Fields>();
  const server = createServer((socket) => {
    wire("server", socket, tableBytes, (fields) => read.set(pathOf(fields), fields));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    maxDeflateDynamicTableSize: tableBytes,
  });
  await once(session, "remoteSettings");
  for (let at = 0; at < requests.length; at += IN_FLIGHT) {
    const batch = requests.slice(at, at + IN_FLIGHT);
    await Promise.all(
      batch.map(
        (fields) =>
          new Promise<void>((resolve) => {
            const stream = session.request(asObject(fields), { endStream: true });
            stream.on("close", resolve);
            stream.on("error", () => resolve());
            stream.resume();
          }),
      ),
    );
  }
  session.destroy();
  server.close();
  return read;
}

/** Our side of a connection on a plain socket. */
function wire(
  role: "client" | "server",
  socket: Socket,
  tableBytes: number,
  onRequest: (fields: Fields) => void,
): Http2Connection {
  const flush = (): void => connection.takeOutput((bytes) => socket.write(bytes));
  const connection = createHttp2Connection({
    role,
    clock: systemClock,
    rng: systemRng,
    options: {
      headerTableBytes: tableBytes,
      maxHeaderListBytes: 1 << 20,
      maxHeaderFields: 1000,
      maxConcurrentStreams: 2 * IN_FLIGHT,
    },
    handler: {
      onOutput: () => process.nextTick(flush),
      onCapacity: () => {},
      onClose: () => {},
      onStream: (stream, fields: HeaderFields) => {
        onRequest(fields);
        stream.sendHeaders({ fields: [":status", "200"] }, undefined, true);
        return { onHeaders: () => {}, onData: () => {}, onWritable: () => {}, onClose: () => {} };
      },
    },
  });
  socket.on("data", (chunk) => connection.receive(chunk));
  socket.on("error", () => {});
  process.nextTick(flush);
  return connection;
}

function pathOf(fields: Fields): string {
  return fields[fields.indexOf(":path") + 1] ?? "";
}

function asObject(fields: Fields): http2.OutgoingHttpHeaders {
  const headers: Record<string, string> = {};
  for (let at = 0; at < fields.length; at += 2) headers[fields[at] ?? ""] = fields[at + 1] ?? "";
  return headers;
}
