import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { describe, expect } from "vitest";
import { bounded, closed, hungUp } from "./support/attack.js";
import { type ClientAttack, clientAttack } from "./support/client-attack.js";
import {
  continuation,
  data,
  Flag,
  FrameType,
  frame,
  goAway,
  headers,
  NOTHING,
  ping,
  priority,
  rstStream,
  Setting,
  settings,
  times,
  uint32,
  windowUpdate,
} from "./support/frames.js";
import { entered, indexed, literal, response, trailers } from "./support/hpack.js";
import { grpcMessage, unaryRequest } from "./support/messages.js";
import type { RawPeer } from "./support/raw-peer.js";

const CALM = closed("ENHANCE_YOUR_CALM");
const END = Flag.END_HEADERS | Flag.END_STREAM;
const MIB = 1024 * 1024;
const MANY = { calls: 200, inFlight: 50 } as const;

/** Sends a chunk again and again, after the first request, on which stream 1 stays open. */
const flooding =
  (chunk: Buffer): ClientAttack["run"] =>
  async (peer) => {
    await peer.flood(chunk, { forMs: 1000 });
  };

describe("a server that attacks its clients: header blocks", () => {
  clientAttack("A3", "CONTINUATION flood in the response", {
    ending: CALM,
    async run(peer) {
      peer.write(headers(1, response(), 0));
      await peer.flood(continuation(1, Buffer.alloc(16_384)), { forMs: 1000 });
    },
  });

  clientAttack("A3", "trailers that never end", {
    ending: CALM,
    async run(peer) {
      peer.write(headers(1, response()), headers(1, trailers(), Flag.END_STREAM));
      await peer.flood(times(100, continuation(1, literal("x", "y"))), { forMs: 1000 });
    },
  });

  clientAttack("A27", "trailers that take their time", {
    ending: CALM,
    http2: { headerBlockTimeoutMs: 400 },
    async run(peer) {
      peer.write(headers(1, response()));
      for (const byte of headers(1, trailers(literal("x", "y".repeat(100))), END)) {
        peer.write(Buffer.from([byte]));
        await sleep(20);
        if (peer.isClosed) return;
      }
    },
  });

  clientAttack("A4", "HPACK bomb: 3 MB out of 12 KB", {
    ending: closed("ENHANCE_YOUR_CALM", "COMPRESSION_ERROR"),
    load: MANY,
    run(peer, requests) {
      requests.each((id) => {
        peer.write(headers(id, response(entered("x", "a".repeat(4000)), times(750, indexed(62))), END));
      });
    },
  });

  clientAttack("A4", "HPACK bomb just above the soft limit, response after response", {
    ending: CALM,
    load: MANY,
    run(peer, requests) {
      requests.each((id) => {
        peer.write(headers(id, response(entered("x", "a".repeat(4000)), times(4, indexed(62))), END));
      });
    },
  });

  clientAttack("A5", "set-cookie crumbs above the fields, response after response", {
    ending: CALM,
    load: MANY,
    run(peer, requests) {
      requests.each((id) => {
        peer.write(headers(id, response(entered("set-cookie", "a"), times(350, indexed(62))), END));
      });
    },
  });

  clientAttack("A31", "trailers above the fields, response after response", {
    ending: CALM,
    load: MANY,
    run(peer, requests) {
      requests.each((id) => {
        peer.write(headers(id, response()), headers(id, trailers(entered("x", "a"), times(350, indexed(62))), END));
      });
    },
  });

  clientAttack("A7", "a header string of 2^28 bytes", {
    ending: closed("COMPRESSION_ERROR"),
    run(peer) {
      peer.write(headers(1, Buffer.from([0, 0x7f, 0x82, 0xff, 0xff, 0x7f, 0x61])));
    },
  });

  clientAttack("A13", "informational responses without end", {
    ending: bounded,
    run: flooding(times(200, headers(1, literal(":status", "103")))),
  });
});

describe("a server that attacks its clients: control frames", () => {
  clientAttack("A9", "SETTINGS flood", { ending: CALM, run: flooding(times(100, settings())) });

  clientAttack("A9", "SETTINGS flood, server does not read", {
    ending: hungUp,
    peer: { reads: true },
    async run(peer) {
      peer.socket.pause();
      await peer.flood(times(100, settings([[Setting.MAX_FRAME_SIZE, 16_384]])), { forMs: 1000 });
    },
  });

  clientAttack("A10", "INITIAL_WINDOW_SIZE up and down", {
    ending: CALM,
    load: { ...MANY, kind: "clientStream", payloadBytes: 1000 },
    run: flooding(
      settings(Array.from({ length: 32 }, (_, index) => [Setting.INITIAL_WINDOW_SIZE, index % 2] as const)),
    ),
  });

  clientAttack("A11", "PING flood", { ending: CALM, run: flooding(times(100, ping())) });

  clientAttack("A18", "PRIORITY flood", { ending: CALM, run: flooding(times(100, priority(1, 3))) });

  clientAttack("A24", "unknown frames", { ending: CALM, run: flooding(frame(0x42, 0, 0, Buffer.alloc(1000))) });

  clientAttack("A24", "ORIGIN and ALTSVC flood", {
    ending: CALM,
    run: flooding(
      Buffer.concat([
        frame(FrameType.ORIGIN, 0, 0, Buffer.from("\0\x13https://example.com", "latin1")),
        frame(FrameType.ALTSVC, 0, 0, Buffer.from('\0\x0bexample.comh2=":1"', "latin1")),
      ]),
    ),
  });

  clientAttack("A25", "PUSH_PROMISE", {
    ending: closed("PROTOCOL_ERROR"),
    run(peer) {
      peer.write(frame(FrameType.PUSH_PROMISE, Flag.END_HEADERS, 1, Buffer.concat([uint32(2), response()])));
    },
  });

  clientAttack("A26", "a frame that says 16 MiB", {
    ending: closed("FRAME_SIZE_ERROR"),
    run(peer) {
      peer.write(frame(FrameType.DATA, 0, 1, NOTHING, 0xff_ffff));
    },
  });

  clientAttack("A23", "GOAWAY flood with large debug data", {
    // What it says may be lost: its socket ends with much that it has not read.
    ending: hungUp,
    run: flooding(goAway(1, 0, Buffer.alloc(16_000, "d"))),
  });

  clientAttack("A23", "GOAWAY flood whose last stream id rises", {
    ending: CALM,
    run: flooding(times(50, Buffer.concat([goAway(1), goAway(3), goAway(0x7fff_ffff)]))),
  });

  clientAttack("A23", "GOAWAY for every connection: nobody storms", {
    ending: bounded,
    load: { ...MANY, timeoutMs: 800 },
    run(peer) {
      peer.write(goAway(0, 0));
      peer.socket.end();
    },
    check(report, peers) {
      // No more than one for each call that asks for one.
      expect(peers.length, "connections").toBeLessThan(MANY.calls);
      expect(report["ok"] ?? 0).toBe(0);
    },
  });

  clientAttack("A28", "connections that end at once: nobody storms", {
    ending: bounded,
    load: { calls: 50, inFlight: 50, timeoutMs: 800 },
    runsAtOnce: true,
    run(peer) {
      peer.destroy();
    },
    check(_, peers) {
      expect(peers.length, "connections").toBeLessThan(20);
    },
  });

  clientAttack("A27", "no SETTINGS", {
    ending: hungUp,
    http2: { handshakeTimeoutMs: 400, settingsAckTimeoutMs: 400 },
    peer: { acknowledges: false },
    greeting: NOTHING,
    runsAtOnce: true,
    async run(peer) {
      await peer.closed(1400);
    },
  });

  clientAttack("A27", "SETTINGS are never acknowledged", {
    ending: closed("SETTINGS_TIMEOUT"),
    http2: { handshakeTimeoutMs: 400, settingsAckTimeoutMs: 400 },
    peer: { acknowledges: false },
    run: async (peer) => {
      await peer.closed(1400);
    },
  });

  clientAttack("A32", "an HTTP/1.1 server", {
    ending: hungUp,
    greeting: Buffer.from("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
    runsAtOnce: true,
    run: async (peer) => {
      await peer.closed(1400);
    },
  });
});

describe("a server that attacks its clients: streams and data", () => {
  clientAttack("A1", "every call is refused: nobody storms", {
    ending: bounded,
    load: MANY,
    run(peer, requests) {
      requests.each((id) => peer.write(rstStream(id, 7)));
    },
    check(report, peers) {
      const opened = peers.reduce((sum, peer) => sum + peer.openedStreams, 0);
      expect(opened, "streams for 200 calls").toBeLessThan(5 * MANY.calls);
      expect(Object.values(report).reduce((sum, count) => sum + count, 0)).toBe(MANY.calls);
    },
  });

  clientAttack("A2", "WINDOW_UPDATE of 0", {
    ending: closed("PROTOCOL_ERROR"),
    run(peer) {
      peer.write(windowUpdate(1, 0));
    },
  });

  clientAttack("A2", "malformed responses without end", {
    ending: bounded,
    load: { calls: 2000, inFlight: 100 },
    run(peer, requests) {
      requests.each((id) => peer.write(headers(id, response(literal("UPPER", "case")), END)));
    },
  });

  clientAttack("A13", "empty DATA frames", {
    ending: CALM,
    async run(peer) {
      peer.write(headers(1, response()));
      await peer.flood(times(200, data(1, NOTHING)), { forMs: 1000 });
    },
  });

  clientAttack("A14", "DATA frames of one byte", {
    ending: CALM,
    async run(peer) {
      peer.write(headers(1, response()), data(1, grpcMessage(NOTHING, { declaredBytes: 1_000_000 })));
      await peer.flood(times(500, data(1, Buffer.from("x"))), { forMs: 1000, maxBytes: 20 * 60_000 });
    },
  });

  clientAttack("A16", "windows stay shut while the client uploads", {
    ending: bounded,
    http2: { stallTimeoutMs: 500 },
    load: { calls: 50, inFlight: 50, kind: "clientStream", payloadBytes: 10_000 },
    greeting: settings([[Setting.INITIAL_WINDOW_SIZE, 0]]),
    run: async (peer) => {
      await peer.until(() => peer.resetCount() >= 50, 1300);
      expect(peer.isClosed ? 50 : peer.resetCount(), "stalled calls that were given up").toBe(50);
    },
  });

  clientAttack("A16", "WINDOW_UPDATE flood", { ending: CALM, run: flooding(times(200, windowUpdate(0, 1))) });

  clientAttack("A19", "a server that reads nothing while the client uploads", {
    ending: bounded,
    load: { calls: 50, inFlight: 50, kind: "clientStream", payloadBytes: 10_000 },
    greeting: settings([[Setting.INITIAL_WINDOW_SIZE, 0x7fff_ffff]]),
    async run(peer) {
      peer.write(windowUpdate(0, 0x7000_0000));
      peer.socket.pause();
      await sleep(1000);
    },
  });

  clientAttack("A21", "no stream is allowed", {
    ending: bounded,
    load: { ...MANY, timeoutMs: 200 },
    greeting: settings([[Setting.MAX_CONCURRENT_STREAMS, 0]]),
    runsAtOnce: true,
    run: async () => {},
    check(report) {
      expect(report["ok"] ?? 0).toBe(0);
    },
  });

  clientAttack("B1", "answers that say 4 GiB", {
    ending: bounded,
    load: MANY,
    run(peer: RawPeer, requests) {
      const part = grpcMessage(Buffer.from("x"), { declaredBytes: 0xffff_ffff });
      requests.each((id) => peer.write(headers(id, response()), data(id, part)));
    },
    check(report) {
      expect(report).toEqual({ ResourceExhausted: MANY.calls });
    },
  });

  clientAttack("B1", "answers that say 4 MiB and stop", {
    ending: bounded,
    load: { calls: 500, inFlight: 500, timeoutMs: 1000 },
    run(peer, requests) {
      const part = grpcMessage(Buffer.from("x"), { declaredBytes: 4 * MIB });
      requests.each((id) => peer.write(headers(id, response()), data(id, part)));
    },
  });

  clientAttack("B2", "gzip bombs", {
    ending: bounded,
    load: { calls: 50, inFlight: 10, timeoutMs: 1000 },
    run(peer, requests) {
      const bomb = grpcMessage(gzipSync(unaryRequest({ payload: Buffer.alloc(16 * MIB) })), { isCompressed: true });
      requests.each((id) =>
        peer.write(
          headers(id, response(literal("grpc-encoding", "gzip"))),
          data(id, bomb.subarray(0, 16_384)),
          data(id, bomb.subarray(16_384)),
          headers(id, trailers(), END),
        ),
      );
    },
    check(report) {
      expect(report["ok"] ?? 0).toBe(0);
    },
  });
});
