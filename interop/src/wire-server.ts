// A plain HTTP/2 server on the runtime's wire, for conformance and load tools: node wire-server.js [--tls]
// Answers every request, when it has ended, with 200 and a body. Tells its address to the parent process.
import {
  type ByteStream,
  formatAddress,
  type HeaderFields,
  type Http2Stream,
  nodeNetwork,
  openHttp2Session,
  type StreamHandler,
  systemClock,
  systemRng,
} from "@meshwright/runtime/wire";
import { createTestCa } from "./certificates.js";

const body = Buffer.alloc(1024, "meshwright ");
const headers = { fields: [":status", "200", "content-type", "text/plain", "content-length", String(body.length)] };

function answer(stream: Http2Stream, fields: HeaderFields): void {
  // A response to HEAD has no body.
  const isHead = fields[fields.indexOf(":method") + 1] === "HEAD";
  stream.sendHeaders(headers, undefined, isHead);
  if (!isHead) stream.sendData(body, true);
}

function onStream(stream: Http2Stream, fields: HeaderFields, endStream: boolean): StreamHandler {
  if (endStream) answer(stream, fields);
  return {
    onHeaders: (_trailers, isLast) => {
      if (isLast) answer(stream, fields);
    },
    onData: (bytes, isLast) => {
      stream.consume(bytes.byteLength);
      if (isLast) answer(stream, fields);
    },
    onWritable: () => {},
    onClose: () => {},
  };
}

function serve(stream: ByteStream): void {
  openHttp2Session({
    role: "server",
    stream,
    clock: systemClock,
    rng: systemRng,
    // A conformance suite opens one stream more than are allowed.
    options: { maxConcurrentStreams: 100 },
    handler: { onStream, onCapacity: () => {}, onClose: () => {} },
  });
}

const ca = await createTestCa();
const tls = process.argv.includes("--tls") ? { tls: await ca.issue({ dns: ["localhost"], ip: ["127.0.0.1"] }) } : {};
const { address } = await nodeNetwork.listen({ kind: "tcp", host: "127.0.0.1", port: 0 }, serve, tls);
process.send?.(formatAddress(address));
process.on("disconnect", () => process.exit(0));
