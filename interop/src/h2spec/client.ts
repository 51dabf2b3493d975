// The client that h2specd starts for every case: node client.js [CA-FILE] URL. Makes one request and stays until the connection
// is over, as a client does that keeps its connections.
import { readFileSync } from "node:fs";
import { nodeNetwork, openHttp2Session, systemClock, systemRng } from "@meshwright/runtime/wire";

/** h2specd gives up on a case after 3 s. */
const PATIENCE_MS = 2_500;

const url = new URL(process.argv.at(-1) ?? "");
const tls = url.protocol === "https:" ? { tls: { ca: readFileSync(process.argv[2] ?? "") } } : {};
systemClock.setTimer(PATIENCE_MS, () => process.exit(1));

const address = { kind: "tcp", host: url.hostname, port: Number(url.port) } as const;
const stream = await nodeNetwork.connect(address, { timeoutMs: PATIENCE_MS, ...tls });
const connection = openHttp2Session({
  role: "client",
  stream,
  clock: systemClock,
  rng: systemRng,
  handler: {
    onStream: () => {
      throw new Error("a client got a request");
    },
    onCapacity: () => {},
    // The session has yet to flush its last words.
    onClose: () => systemClock.defer(() => stream.end()),
  },
});
const request = {
  fields: [":method", "GET", ":scheme", url.protocol.slice(0, -1), ":path", url.pathname, ":authority", url.host],
};
const exchange = connection.openStream(request, undefined, true, {
  onHeaders: () => {},
  onData: (bytes) => exchange.consume(bytes.byteLength),
  onWritable: () => {},
  onClose: () => {},
});
