import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect } from "vitest";
import { type AttackContext, attack, bounded, closed, hungUp } from "./support/attack.js";
import {
  data,
  Flag,
  FrameType,
  forStreams,
  frame,
  goAway,
  headers,
  NOTHING,
  PREFACE,
  ping,
  priority,
  rstStream,
  Setting,
  settings,
  times,
  uint32,
  windowUpdate,
} from "./support/frames.js";
import { firstRequest, indexed, literal, request, shortRequest, UNARY } from "./support/hpack.js";
import { unaryRequest } from "./support/messages.js";
import type { RawPeer, RawPeerOptions } from "./support/raw-peer.js";

async function open({ connect }: AttackContext, options?: RawPeerOptions): Promise<RawPeer> {
  const peer = await connect(options);
  peer.hello();
  return peer;
}

/** A connection and a chunk that is sent to it again and again. */
function flood(chunk: Buffer, options?: RawPeerOptions): (context: AttackContext) => Promise<void> {
  return async (context) => {
    const peer = await open(context, options);
    await peer.flood(chunk);
  };
}

const CALM = closed("ENHANCE_YOUR_CALM");

describe("control frames", () => {
  attack("A9", "SETTINGS flood, peer reads", { ending: CALM, run: flood(times(100, settings())) });

  attack("A9", "SETTINGS flood, one at a time", { ending: CALM, run: flood(settings()) });

  attack("A9", "SETTINGS flood, peer does not read", {
    ending: hungUp,
    run: flood(times(100, settings([[Setting.MAX_FRAME_SIZE, 16_384]])), { reads: false }),
  });

  attack("A9", "SETTINGS with 2,000 entries", {
    ending: CALM,
    run: flood(settings(Array.from({ length: 2000 }, (_, index) => [Setting.INITIAL_WINDOW_SIZE, index] as const))),
  });

  attack("A10", "INITIAL_WINDOW_SIZE up and down over 900 streams", {
    ending: CALM,
    async run(context) {
      const peer = await open(context);
      peer.write(
        headers(1, firstRequest()),
        forStreams(899, 3, (id) => headers(id, shortRequest())),
      );
      await peer.flood(
        settings(
          Array.from(
            { length: 32 },
            (_, index) => [Setting.INITIAL_WINDOW_SIZE, index % 2 === 0 ? 0 : 0x7fff] as const,
          ),
        ),
      );
    },
  });

  attack("A11", "PING flood, 100 for each write", { ending: CALM, run: flood(times(100, ping())) });

  attack("A11", "PING flood, one at a time", { ending: CALM, run: flood(ping()) });

  attack("A11", "PING flood, acknowledgements of nothing", {
    ending: CALM,
    run: flood(times(100, ping("nothing!", Flag.ACK))),
  });

  attack("A11", "PING flood beside calls", {
    ending: CALM,
    async run(context) {
      const peer = await open(context);
      const body = unaryRequest({ text: "x" });
      await peer.flood((index) => {
        const id = 1 + 2 * index;
        return Buffer.concat([
          headers(id, index === 0 ? firstRequest() : shortRequest()),
          data(id, body, Flag.END_STREAM),
          times(200, ping()),
        ]);
      });
    },
  });

  attack("A12", "replies behind a socket that is full", {
    ending: bounded,
    options: { http2: { controlBurst: 1_000_000, maxPingStrikes: Number.POSITIVE_INFINITY } },
    async run(context) {
      const peer = await open(context, { reads: false });
      // Answers that fill the sockets' buffers, so that every reply has to wait.
      const body = unaryRequest({ text: "x", payload: Buffer.alloc(60_000) });
      peer.write(settings([[Setting.INITIAL_WINDOW_SIZE, 0x7fff_ffff]]), windowUpdate(0, 0x7000_0000));
      for (let id = 1; id < 400; id += 2) {
        const parts = [0, 16_000, 32_000, 48_000].map((at) =>
          data(id, body.subarray(at, at + 16_000), at === 48_000 ? Flag.END_STREAM : 0),
        );
        if (!peer.write(headers(id, request(UNARY)), ...parts)) await sleep(2);
      }
      await peer.flood(times(100, ping()), { forMs: 1000 });
      // Reading paused long before the kernel's buffers could take this.
      expect(peer.socket.writableLength, "bytes that the server does not take").toBeGreaterThan(0);
    },
  });

  attack("A12", "requests that are refused, peer does not read", {
    ending: hungUp,
    async run(context) {
      const peer = await open(context, { reads: false });
      const malformed = request(UNARY, literal("UPPER", "case"));
      await peer.flood((index) => forStreams(50, 1 + 100 * index, (id) => headers(id, malformed)));
    },
  });

  attack("A18", "PRIORITY flood", {
    ending: CALM,
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, firstRequest()));
      await peer.flood(times(200, priority(1, 3)));
    },
  });

  attack("A18", "PRIORITY flood on streams that are not there", {
    ending: CALM,
    run: flood(times(200, priority(9, 3))),
  });

  for (const [name, chunk] of [
    ["GOAWAY flood", times(200, goAway(0))],
    ["GOAWAY flood with large debug data", goAway(0, 0, Buffer.alloc(16_000, "d"))],
    ["GOAWAY flood whose last stream id rises", Buffer.concat([goAway(1), goAway(3), goAway(5), goAway(0x7fff_ffff)])],
  ] as const) {
    attack("A23", name, {
      ending: CALM,
      async run(context) {
        const peer = await open(context);
        // Without a call under way the server would simply leave.
        peer.write(headers(1, firstRequest()));
        await peer.flood(chunk);
      },
    });
  }

  attack("A23", "requests after a GOAWAY with an error, from both sides", {
    ending: closed("PROTOCOL_ERROR"),
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, firstRequest()), windowUpdate(0, 0));
      const before = (await context.target.victim.call("usage", undefined)).started;
      const body = unaryRequest({ text: "x" });
      await peer.flood((index) =>
        forStreams(20, 3 + 40 * index, (id) =>
          Buffer.concat([headers(id, shortRequest()), data(id, body, Flag.END_STREAM)]),
        ),
      );
      // The users' own calls are some hundred.
      expect((await context.target.victim.call("usage", undefined)).started - before).toBeLessThan(700);
    },
  });

  attack("A24", "unknown frames, empty", { ending: CALM, run: flood(times(200, frame(0x42, 0, 0, NOTHING))) });

  attack("A24", "unknown frames, large", { ending: CALM, run: flood(frame(0x42, 0xff, 1, Buffer.alloc(16_384))) });

  attack("A24", "ORIGIN flood", {
    ending: CALM,
    run: flood(times(10, frame(FrameType.ORIGIN, 0, 0, Buffer.from("\0\x13https://example.com", "latin1")))),
  });

  attack("A24", "ALTSVC flood", {
    ending: CALM,
    run: flood(times(10, frame(FrameType.ALTSVC, 0, 0, Buffer.from('\0\x0bexample.comh2=":1"', "latin1")))),
  });

  attack("A25", "PUSH_PROMISE", {
    ending: closed("PROTOCOL_ERROR"),
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, firstRequest()));
      peer.write(frame(FrameType.PUSH_PROMISE, Flag.END_HEADERS, 1, Buffer.concat([uint32(2), shortRequest()])));
    },
  });

  attack("A26", "frames whose size lies", {
    ending: closed("FRAME_SIZE_ERROR"),
    async run(context) {
      const chunks: readonly [name: string, codes: readonly number[], bytes: Buffer][] = [
        ["RST_STREAM of 5 bytes", [6], frame(FrameType.RST_STREAM, 0, 1, Buffer.alloc(5))],
        ["SETTINGS of 5 bytes", [6], frame(FrameType.SETTINGS, 0, 0, Buffer.alloc(5))],
        ["SETTINGS acknowledgement with a payload", [6], frame(FrameType.SETTINGS, Flag.ACK, 0, Buffer.alloc(6))],
        ["PING of 7 bytes", [6], frame(FrameType.PING, 0, 0, Buffer.alloc(7))],
        ["WINDOW_UPDATE of 3 bytes", [6], frame(FrameType.WINDOW_UPDATE, 0, 0, Buffer.alloc(3))],
        ["GOAWAY of 7 bytes", [6], frame(FrameType.GOAWAY, 0, 0, Buffer.alloc(7))],
        ["DATA padded by more than it has", [1, 6], frame(FrameType.DATA, Flag.PADDED, 1, Buffer.from([255, 0]))],
        ["DATA padded without a length", [1, 6], frame(FrameType.DATA, Flag.PADDED, 1, NOTHING)],
        ["HEADERS padded by more", [1, 6], headers(3, Buffer.from([255, 0]), Flag.PADDED | Flag.END_HEADERS)],
        ["HEADERS without their priority", [1, 6], headers(3, Buffer.alloc(3), Flag.PRIORITY | Flag.END_HEADERS)],
        ["a frame of 16,385 bytes", [6], frame(FrameType.DATA, 0, 1, Buffer.alloc(16_385))],
        ["a frame that says 16 MiB", [6], frame(FrameType.DATA, 0, 1, NOTHING, 0xff_ffff)],
      ];
      const peers: RawPeer[] = [];
      for (const [, , bytes] of chunks) {
        const peer = await open(context);
        peer.write(headers(1, firstRequest()), bytes);
        peers.push(peer);
      }
      for (const [index, [name, codes]] of chunks.entries()) {
        const peer = peers[index] as RawPeer;
        await peer.closed(2000);
        expect(peer.isClosed, `${name}: the connection is closed`).toBe(true);
        expect(codes, name).toContain(peer.goAways.at(-1)?.code);
      }
    },
  });

  attack("A29", "malformed requests reach no handler", {
    ending: bounded,
    async run(context) {
      const marker = `malformed ${Math.random()}`;
      const [method, scheme] = [indexed(3), indexed(6)];
      const path = literal(":path", UNARY);
      const type = literal("content-type", "application/grpc");
      const mark = literal("x-probe", marker);
      const blocks: readonly (readonly [reason: string, block: Buffer])[] = [
        ["no method", Buffer.concat([scheme, path, type, mark])],
        ["no scheme", Buffer.concat([method, path, type, mark])],
        ["no path", Buffer.concat([method, scheme, type, mark])],
        ["an empty path", Buffer.concat([method, scheme, literal(":path", ""), type, mark])],
        ["two methods", Buffer.concat([method, method, scheme, path, type, mark])],
        ["two paths", Buffer.concat([method, scheme, path, path, type, mark])],
        ["two authorities", request(UNARY, literal(":authority", "a"), literal(":authority", "b"), mark)],
        ["an unknown pseudo header", Buffer.concat([method, scheme, path, literal(":proto", "x"), type, mark])],
        ["a pseudo header of responses", Buffer.concat([method, scheme, path, indexed(8), type, mark])],
        ["a pseudo header after a regular one", Buffer.concat([method, scheme, type, path, mark])],
        ["upper case", request(UNARY, literal("X-Probe", "a"), mark)],
        ["connection", request(UNARY, literal("connection", "close"), mark)],
        ["transfer-encoding", request(UNARY, literal("transfer-encoding", "chunked"), mark)],
        ["upgrade", request(UNARY, literal("upgrade", "h2c"), mark)],
        ["te other than trailers", request(UNARY, literal("te", "gzip"), mark)],
        ["CR and LF in a value", request(UNARY, literal("x", "a\r\nx-evil: 1"), mark)],
        ["NUL in a value", request(UNARY, literal("x", "a\0b"), mark)],
        ["a space in a name", request(UNARY, literal("x y", "a"), mark)],
        ["a colon in a name", request(UNARY, literal("x:y", "a"), mark)],
        ["a content-length that is no number", request(UNARY, literal("content-length", "+1"), mark)],
        ["two content-lengths", request(UNARY, literal("content-length", "8"), literal("content-length", "9"), mark)],
      ];
      const body = unaryRequest({ text: "x" });
      const peers: RawPeer[] = [];
      for (const [, block] of blocks) {
        const peer = await open(context);
        peer.write(headers(1, block), data(1, body, Flag.END_STREAM));
        peers.push(peer);
      }
      for (const [index, [reason]] of blocks.entries()) {
        const peer = peers[index] as RawPeer;
        await peer.until(() => peer.resetCount() + peer.goAways.length > 0);
        const codes = [...peer.resets.keys(), ...peer.goAways.map(({ code }) => code)];
        expect(codes, reason).toContain(1);
      }
      expect((await context.target.victim.call("usage", undefined)).probe).not.toBe(marker);
    },
  });

  attack("A29", "DATA and trailers before HEADERS", {
    ending: closed("PROTOCOL_ERROR"),
    async run(context) {
      const peer = await open(context);
      peer.write(data(1, Buffer.from("x")), rstStream(1));
    },
  });

  attack("A29", "malformed requests without end", {
    ending: CALM,
    async run(context) {
      const peer = await open(context);
      const block = request(UNARY, literal("connection", "close"));
      await peer.flood((index) => forStreams(100, 1 + 200 * index, (id) => headers(id, block, 5)));
    },
  });

  attack("A30", "paths and authorities with two readings reach no handler", {
    ending: bounded,
    async run(context) {
      const marker = `path ${Math.random()}`;
      const mark = literal("x-probe", marker);
      const paths = [
        UNARY.slice(1),
        `/${UNARY}`,
        `${UNARY}/`,
        `${UNARY}?a=b`,
        `${UNARY}#a`,
        `${UNARY};a=b`,
        `/x/..${UNARY}`,
        `/.${UNARY}`,
        UNARY.replace("Unary", "%55nary"),
        UNARY.replace("Unary", "unary"),
        `http://a${UNARY}`,
        "*",
        `${UNARY}\u00e9`,
      ];
      const blocks: (readonly [reason: string, block: Buffer])[] = paths.map((path) => [path, request(path, mark)]);
      const withAuthority = (authority: string, ...extra: Buffer[]): Buffer =>
        Buffer.concat([indexed(3), indexed(6), literal(":authority", authority), request(UNARY, ...extra).subarray(2)]);
      blocks.push(["host differs from authority", withAuthority("a", literal("host", "b"), mark)]);
      blocks.push(["user information", withAuthority("user:secret@a", mark)]);
      const body = unaryRequest({ text: "x" });
      const reached: string[] = [];
      for (const [reason, block] of blocks) {
        const peer = await open(context);
        peer.write(headers(1, block), data(1, body, Flag.END_STREAM));
        await peer.until(() => peer.endedStreams + peer.resetCount() + peer.goAways.length > 0);
        expect(peer.endedStreams + peer.resetCount() + peer.goAways.length, `${reason}: has an answer`).toBeGreaterThan(
          0,
        );
        const { probe } = await context.target.victim.call("usage", undefined);
        if (probe === marker) reached.push(reason);
        const clean = await open(context);
        clean.write(headers(1, request(UNARY, literal("x-probe", "clean"))), data(1, body, Flag.END_STREAM));
        await clean.until(() => clean.endedStreams > 0);
      }
      expect(reached).toEqual([]);
    },
  });

  attack("A32", "other protocols", {
    ending: hungUp,
    async run({ connect }) {
      const greetings = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "\0",
        `${PREFACE.toString("latin1").slice(0, 20)}X`,
      ];
      for (const greeting of greetings) {
        const peer = await connect();
        peer.socket.write(greeting, "latin1");
        await peer.closed(1500);
        expect(peer.isClosed, JSON.stringify(greeting)).toBe(true);
      }
    },
  });
});
