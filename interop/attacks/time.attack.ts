import { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectOverTls } from "node:tls";
import { createTestCa } from "@meshwright/interop/certificates";
import { describe, expect } from "vitest";
import { type Attack, attack, bounded, closed, hungUp } from "./support/attack.js";
import { data, Flag, FrameType, headers, PREFACE, ping, settings } from "./support/frames.js";
import { CLIENT_STREAM, request, UNARY } from "./support/hpack.js";
import { grpcMessage, unaryRequest } from "./support/messages.js";
import { RawPeer } from "./support/raw-peer.js";

/** The defaults are 5 s and more; what they are is tested where they are declared. */
const SHORT: NonNullable<Attack["options"]> = {
  http2: {
    handshakeTimeoutMs: 400,
    settingsAckTimeoutMs: 400,
    headerBlockTimeoutMs: 400,
    idleTimeoutMs: 600,
    streamIdleTimeoutMs: 900,
    closeTimeoutMs: 300,
  },
};
const KEEPALIVE: NonNullable<Attack["options"]> = { http2: { keepaliveTimeMs: 300, keepaliveTimeoutMs: 300 } };
const FEW: NonNullable<Attack["options"]> = { http2: { maxConnections: 20 } };
const FEW_FILES: NonNullable<Attack["options"]> = { prefix: ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh"] };

const CERTIFICATE = await (await createTestCa()).issue({ ip: ["127.0.0.1"] });
const TLS: NonNullable<Attack["options"]> = { besideTls: CERTIFICATE, http2: { tlsHandshakeTimeoutMs: 400 } };

/** The record that a TLS client begins with, as node:tls makes it. */
async function clientHello(): Promise<Buffer> {
  const written: Buffer[] = [];
  const sink = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      written.push(chunk);
      done();
    },
  });
  const socket = connectOverTls({ socket: sink, ALPNProtocols: ["h2"] });
  socket.on("error", () => {});
  await sleep(20);
  socket.destroy();
  return Buffer.concat(written);
}

/** Sends byte after byte. */
async function drip(peer: RawPeer, bytes: Buffer, everyMs: number): Promise<void> {
  for (const byte of bytes) {
    if (peer.isClosed) return;
    peer.write(Buffer.from([byte]));
    await sleep(everyMs);
  }
}

describe("time", () => {
  attack("A27", "no preface", {
    ending: hungUp,
    options: SHORT,
    async run({ connect }) {
      await connect({ acknowledges: false });
    },
  });

  attack("A27", "a preface that takes its time", {
    ending: hungUp,
    options: SHORT,
    async run({ connect }) {
      await drip(await connect({ acknowledges: false }), PREFACE, 60);
    },
  });

  attack("A27", "a preface without SETTINGS", {
    ending: hungUp,
    options: SHORT,
    async run({ connect }) {
      (await connect({ acknowledges: false })).write(PREFACE);
    },
  });

  attack("A27", "SETTINGS that take their time", {
    ending: hungUp,
    options: SHORT,
    async run({ connect }) {
      const peer = await connect({ acknowledges: false });
      peer.write(PREFACE);
      await drip(peer, settings([[4, 1]]), 100);
    },
  });

  attack("A27", "SETTINGS are never acknowledged", {
    ending: closed("SETTINGS_TIMEOUT"),
    options: SHORT,
    async run({ connect }) {
      const peer = await connect({ acknowledges: false });
      peer.hello();
      // Keeps it from being idle.
      peer.write(headers(1, request(CLIENT_STREAM)));
    },
  });

  attack("A27", "a header block that takes its time", {
    ending: closed("ENHANCE_YOUR_CALM"),
    options: SHORT,
    async run({ connect }) {
      const peer = await connect();
      peer.hello();
      await peer.until(() => peer.count(FrameType.SETTINGS) > 1);
      await drip(peer, headers(1, request(UNARY)), 20);
    },
  });

  attack("A27", "a header block without its CONTINUATION", {
    ending: closed("ENHANCE_YOUR_CALM"),
    options: SHORT,
    async run({ connect }) {
      const peer = await connect();
      peer.hello();
      await peer.until(() => peer.count(FrameType.SETTINGS) > 1);
      peer.write(headers(1, request(UNARY), 0));
    },
  });

  attack("A27", "a PING that takes its time", {
    ending: closed("ENHANCE_YOUR_CALM"),
    options: SHORT,
    async run({ connect }) {
      const peer = await connect();
      peer.hello();
      peer.write(headers(1, request(CLIENT_STREAM)));
      await peer.until(() => peer.count(FrameType.SETTINGS) > 1);
      await drip(peer, ping(), 60);
    },
  });

  attack("A27", "a body that stops", {
    ending: bounded,
    options: SHORT,
    async run({ connect }) {
      const peer = await connect();
      peer.hello();
      peer.write(headers(1, request(UNARY)), data(1, grpcMessage(Buffer.from("x"), { declaredBytes: 1000 })));
      await peer.until(() => peer.resetCount() + peer.endedStreams > 0 || peer.isClosed, 1800);
      expect(peer.resetCount() + peer.endedStreams + peer.goAways.length).toBeGreaterThan(0);
    },
  });

  attack("A27", "a connection without calls", {
    ending: closed("NO_ERROR"),
    options: SHORT,
    async run({ connect }) {
      const peer = await connect();
      peer.hello();
      await peer.closed(1900);
    },
  });

  attack("A27", "a peer that is not there any more", {
    ending: hungUp,
    options: KEEPALIVE,
    async run({ connect }) {
      const peer = await connect({ acknowledges: false });
      peer.hello();
      peer.write(Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0]), headers(1, request(CLIENT_STREAM)));
    },
  });

  attack("A27", "TLS: no handshake", {
    ending: hungUp,
    options: TLS,
    async run({ connectTls }) {
      await connectTls();
    },
  });

  attack("A27", "TLS: a handshake that takes its time", {
    ending: hungUp,
    options: TLS,
    async run({ connectTls }) {
      const hello = await clientHello();
      expect(hello[0], "a handshake record").toBe(0x16);
      await drip(await connectTls(), hello, 10);
    },
  });

  attack("A27", "TLS: a handshake that stops half-way", {
    ending: hungUp,
    options: TLS,
    async run({ connectTls }) {
      (await connectTls()).write(await clientHello());
    },
  });

  attack("A32", "TLS: HTTP/2 without TLS", {
    ending: hungUp,
    options: TLS,
    async run({ connectTls }) {
      (await connectTls()).hello();
    },
  });

  attack("A32", "TLS: no ALPN", {
    ending: bounded,
    options: TLS,
    async run({ target }) {
      const [host = "", port = ""] = target.tlsAddress.split(":");
      const socket = connectOverTls({ host, port: Number(port), rejectUnauthorized: false });
      socket.on("error", () => {});
      const isClosed = await new Promise<boolean>((resolve) => {
        socket.on("close", () => resolve(true));
        setTimeout(() => resolve(false), 1000);
      });
      socket.destroy();
      expect(isClosed, "the connection is closed").toBe(true);
    },
  });

  attack("A28", "more connections than allowed", {
    ending: bounded,
    options: FEW,
    async run({ connect }) {
      const peers: RawPeer[] = [];
      for (let count = 0; count < 60; count += 1) {
        const peer = await connect();
        peer.hello();
        peers.push(peer);
      }
      const open = (): number => peers.filter((peer) => !peer.isClosed).length;
      for (const endMs = performance.now() + 1500; open() >= 20 && performance.now() < endMs; ) await sleep(20);
      expect(open()).toBeLessThan(20);
      for (const peer of peers) peer.destroy();
    },
  });

  attack("A28", "more connections than file descriptors", {
    ending: bounded,
    options: FEW_FILES,
    async run({ connect, target }) {
      const peers: RawPeer[] = [];
      for (let count = 0; count < 400; count += 1) {
        try {
          const peer = await connect();
          peer.hello();
          peers.push(peer);
        } catch {
          // Refused: that is what we are after.
        }
      }
      await sleep(300);
      for (const peer of peers) peer.destroy();
      // Later users are served again, soon.
      const endMs = performance.now() + 1000;
      let isServed = false;
      for (; !isServed && performance.now() < endMs; await sleep(20)) {
        const user = await RawPeer.connect(target.address);
        user.hello();
        user.write(headers(1, request(UNARY)), data(1, unaryRequest({ text: "x" }), Flag.END_STREAM));
        isServed = await user.until(() => user.endedStreams === 1, 200);
        user.destroy();
      }
      expect(isServed).toBe(true);
    },
  });
});
