import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { listen } from "./listen.js";
import type { SystemUnderTest } from "./system.js";

// The floor that no RPC can get under: the same payload bytes in the same order, and nothing else. A connection begins
// with what it is for, and with the size of a unary payload: five bytes.
const Purpose = { unary: 0, serverStream: 1, clientStream: 2 } as const;
const HEAD_BYTES = 5;
const COUNT_BYTES = 8;

/** Collects whole pieces of `pieceBytes` without looking into them. */
function counter(pieceBytes: number, onPiece: () => void): (chunk: Buffer) => void {
  let received = 0;
  return (chunk) => {
    received += chunk.byteLength;
    for (; received >= pieceBytes; received -= pieceBytes) onPiece();
  };
}

function serveSocket(socket: Socket): void {
  socket.once("data", (first: Buffer) => {
    const onBytes = answerer(socket, first[0] as number, first.readUInt32BE(1));
    socket.on("data", onBytes);
    if (first.byteLength > HEAD_BYTES) onBytes(first.subarray(HEAD_BYTES));
  });
}

function answerer(socket: Socket, purpose: number, payloadBytes: number): (chunk: Buffer) => void {
  switch (purpose) {
    case Purpose.unary: {
      // Like an RPC it answers when it has the whole request.
      const payload = Buffer.alloc(payloadBytes);
      return counter(payloadBytes, () => socket.write(payload));
    }
    case Purpose.serverStream:
      return (chunk) => socket.write(Buffer.alloc(chunk.readUInt32BE(0) * chunk.readUInt32BE(4)));
    default: {
      let expected: number | undefined;
      let received = 0;
      return (chunk) => {
        expected ??= chunk.readUInt32BE(0) * chunk.readUInt32BE(4);
        received += chunk.byteLength;
        if (received < expected + COUNT_BYTES) return;
        expected = undefined;
        received = 0;
        socket.write("!");
      };
    }
  }
}

function counts(messages: number, payloadBytes: number): Buffer {
  const bytes = Buffer.alloc(COUNT_BYTES);
  bytes.writeUInt32BE(messages, 0);
  bytes.writeUInt32BE(payloadBytes, 4);
  return bytes;
}

/** A raw copy over a socket. */
export const nodeNet: SystemUnderTest = {
  serve({ tls }) {
    return listen(
      tls === undefined
        ? createServer({ noDelay: true }, serveSocket)
        : createTlsServer({ cert: tls.certificate, key: tls.privateKey, noDelay: true }, serveSocket),
    );
  },

  async connect({ address, tls }) {
    const [host = "", port = ""] = address.split(":");
    const sockets = new Map<string, Promise<Socket>>();
    const open = async (purpose: number, payloadBytes: number): Promise<Socket> => {
      const to = { host, port: Number(port), noDelay: true };
      const socket = tls === undefined ? createConnection(to) : connectTls({ ...to, ca: tls.authority });
      await once(socket, tls === undefined ? "connect" : "secureConnect");
      const head = Buffer.alloc(HEAD_BYTES);
      head[0] = purpose;
      head.writeUInt32BE(payloadBytes, 1);
      socket.write(head);
      return socket;
    };
    const socketFor = (purpose: number, payloadBytes: number): Promise<Socket> => {
      const key = `${purpose} ${payloadBytes}`;
      let socket = sockets.get(key);
      if (socket === undefined) {
        socket = open(purpose, payloadBytes);
        sockets.set(key, socket);
      }
      return socket;
    };
    const waiting: (() => void)[] = [];
    return {
      async unary(payload) {
        const socket = await socketFor(Purpose.unary, payload.byteLength);
        if (socket.listenerCount("data") === 0) {
          socket.on(
            "data",
            counter(payload.byteLength, () => waiting.shift()?.()),
          );
        }
        socket.write(payload);
        await new Promise<void>((resolve) => waiting.push(resolve));
        return payload.byteLength;
      },
      async serverStream(messages, payloadBytes) {
        const socket = await socketFor(Purpose.serverStream, payloadBytes);
        socket.write(counts(messages, payloadBytes));
        await received(socket, messages * payloadBytes);
        return messages;
      },
      async clientStream(messages, payload) {
        const socket = await socketFor(Purpose.clientStream, payload.byteLength);
        // Before the first byte: the answer may overtake the last "drain".
        const answered = received(socket, 1);
        socket.write(counts(messages, payload.byteLength));
        for (let index = 0; index < messages; index += 1) {
          if (!socket.write(payload)) await once(socket, "drain");
        }
        await answered;
        return messages * payload.byteLength;
      },
    };
  },
};

function received(socket: Socket, byteCount: number): Promise<void> {
  return new Promise((resolve) => {
    const onBytes = counter(byteCount, () => {
      socket.off("data", onBytes);
      resolve();
    });
    socket.on("data", onBytes);
  });
}
