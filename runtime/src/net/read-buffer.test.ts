import { once } from "node:events";
import { connect as connectSocket, createServer, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ByteStream } from "../base/network.js";
import { nodeNetwork } from "./node-network.js";
import { ReadBuffer } from "./read-buffer.js";
import { TlsHarness } from "./test/tls-harness.js";

let harness: TlsHarness;

beforeEach(async () => {
  harness = await TlsHarness.create();
});

afterEach(async () => {
  await harness.close();
});

/** The memory of the next chunk that comes, and what is in it. */
async function nextChunk(stream: ByteStream, send: () => void): Promise<{ memory: ArrayBufferLike; text: string }> {
  return new Promise((resolve) => {
    stream.start({
      onBytes: (chunk) => resolve({ memory: chunk.buffer, text: Buffer.from(chunk).toString() }),
      onDrain: () => {},
      onClose: () => {},
    });
    send();
  });
}

describe("ReadBuffer", () => {
  for (const kind of ["plaintext", "TLS"] as const) {
    it(`is what both ends of all connections read into: ${kind}`, async () => {
      const isTls = kind === "TLS";
      let onAccepted: (stream: ByteStream) => void = () => {};
      const anyPort = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
      const serving = isTls ? { tls: harness.local } : {};
      const listener = await nodeNetwork.listen(anyPort, (stream) => onAccepted(stream), serving);
      harness.onClose(() => listener.close());
      const calling = { timeoutMs: 5000, ...(isTls ? { tls: { ca: harness.ca.ca, serverName: "localhost" } } : {}) };
      const memories = new Set<ArrayBufferLike>();
      for (const text of ["first", "second"]) {
        const accepted = new Promise<ByteStream>((resolve) => {
          onAccepted = resolve;
        });
        const client = await nodeNetwork.connect(listener.address, calling);
        harness.onClose(() => client.destroy());
        const server = await accepted;
        harness.onClose(() => server.destroy());
        const atServer = await nextChunk(server, () => client.write(Buffer.from(text)));
        const atClient = await nextChunk(client, () => server.write(Buffer.from(`${text} answer`)));
        expect([atServer.text, atClient.text]).toEqual([text, `${text} answer`]);
        memories.add(atServer.memory).add(atClient.memory);
      }
      // Windows is given the memory of a read before there is something to read.
      expect(memories.size).toBe(process.platform === "win32" ? 4 : 1);
    });
  }

  it("leaves a socket alone that has no handle, or bytes that wait in it", async () => {
    expect(ReadBuffer.under(new Socket())).toBeUndefined();
    const server = createServer().listen(0, "127.0.0.1");
    harness.onClose(() => server.close());
    await once(server, "listening");
    const peer = connectSocket((server.address() as { port: number }).port, "127.0.0.1", () => peer.write("early"));
    harness.onClose(() => peer.destroy());
    const [socket] = (await once(server, "connection")) as [Socket];
    harness.onClose(() => socket.destroy());
    await once(socket, "readable");
    expect(ReadBuffer.under(socket)).toBeUndefined();
    expect(String(socket.read())).toBe("early");
  });

  it("keeps what comes before it is started", () => {
    const readBuffer = new ReadBuffer();
    const { buffer, callback } = readBuffer.onread;
    const bytes = buffer as Uint8Array;
    const received: string[] = [];
    bytes.set(Buffer.from("one"));
    callback(3, bytes);
    bytes.set(Buffer.from("two"));
    readBuffer.start((chunk) => received.push(String(chunk)));
    callback(3, bytes);
    expect(received).toEqual(["one", "two"]);
  });
});
