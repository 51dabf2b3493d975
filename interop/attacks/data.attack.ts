import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect } from "vitest";
import { type AttackContext, attack, bounded, closed } from "./support/attack.js";
import {
  data,
  Flag,
  FrameType,
  forStreams,
  frame,
  headers,
  NOTHING,
  Setting,
  settings,
  times,
  windowUpdate,
} from "./support/frames.js";
import { CLIENT_STREAM, literal, request, SERVER_STREAM, UNARY } from "./support/hpack.js";
import { clientStreamRequest, grpcMessage, serverStreamRequest, unaryRequest } from "./support/messages.js";
import type { RawPeer, RawPeerOptions } from "./support/raw-peer.js";

const CALM = closed("ENHANCE_YOUR_CALM");
const STUCK = request(CLIENT_STREAM, literal("x-stuck", "1"));
const MIB = 1024 * 1024;

async function open(
  { connect }: AttackContext,
  entries: readonly (readonly [id: number, value: number])[] = [],
  options?: RawPeerOptions,
): Promise<RawPeer> {
  const peer = await connect(options);
  peer.hello(entries);
  return peer;
}

describe("data and windows", () => {
  attack("A13", "empty DATA frames", {
    ending: CALM,
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(CLIENT_STREAM)));
      await peer.flood(times(200, data(1, NOTHING)));
    },
  });

  attack("A13", "empty DATA frames with padding", {
    ending: CALM,
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(CLIENT_STREAM)));
      const padded = frame(FrameType.DATA, Flag.PADDED, 1, Buffer.from([0]));
      await peer.flood(times(200, padded));
    },
  });

  attack("A13", "one empty DATA frame each on many streams", {
    ending: CALM,
    async run(context) {
      const peer = await open(context);
      const block = request(CLIENT_STREAM);
      await peer.flood((index) =>
        forStreams(50, 1 + 100 * index, (id) => Buffer.concat([headers(id, block), data(id, NOTHING)])),
      );
    },
  });

  attack("A14", "DATA frames of one byte", {
    ending: CALM,
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(CLIENT_STREAM)));
      peer.write(data(1, grpcMessage(NOTHING, { declaredBytes: 1_000_000 })));
      await peer.flood(times(500, data(1, Buffer.from("x"))), { maxBytes: 20 * 60_000 });
    },
  });

  attack("A14", "DATA frames of one byte and 255 of padding", {
    // They use up the windows, which are given back as the reader takes its bytes.
    ending: bounded,
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(CLIENT_STREAM)));
      peer.write(data(1, grpcMessage(NOTHING, { declaredBytes: 1_000_000 })));
      const payload = Buffer.alloc(257);
      payload[0] = 255;
      const padded = frame(FrameType.DATA, Flag.PADDED, 1, payload);
      // Padding counts against the windows, and comes back as credit.
      await paced(peer, padded, 257);
    },
  });

  attack("A14", "empty messages, five bytes a frame", {
    ending: bounded,
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(CLIENT_STREAM)));
      await paced(peer, data(1, grpcMessage(NOTHING)), 5);
    },
  });

  attack("A16", "windows stay shut: calls that stall are given up", {
    ending: bounded,
    options: { http2: { stallTimeoutMs: 500 } },
    async run(context) {
      const peer = await open(context, [[Setting.INITIAL_WINDOW_SIZE, 0]]);
      const body = serverStreamRequest({ text: "x".repeat(1000), count: 1_000_000 });
      peer.write(
        forStreams(50, 1, (id) =>
          Buffer.concat([headers(id, request(SERVER_STREAM)), data(id, body, Flag.END_STREAM)]),
        ),
      );
      await peer.until(() => peer.resetCount() === 50, 1800);
      expect(peer.isClosed ? 50 : peer.resetCount(), "stalled streams that were reset").toBe(50);
    },
  });

  attack("A16", "a peer that reads nothing is given up", {
    ending: { kind: "hung up" },
    options: { http2: { stallTimeoutMs: 500 } },
    async run(context) {
      const peer = await open(context, [[Setting.INITIAL_WINDOW_SIZE, 0x7fff_ffff]], { reads: false });
      const body = serverStreamRequest({ text: "x".repeat(1000), count: 1_000_000 });
      peer.write(windowUpdate(0, 0x7000_0000));
      peer.write(
        forStreams(50, 1, (id) =>
          Buffer.concat([headers(id, request(SERVER_STREAM)), data(id, body, Flag.END_STREAM)]),
        ),
      );
      await sleep(1500);
      // A socket that does not read learns of its end when it writes.
      peer.write(windowUpdate(0, 1));
      await sleep(50);
      peer.write(windowUpdate(0, 1));
    },
  });

  attack("A16", "data dribble: one byte of window at a time", {
    ending: bounded,
    async run(context) {
      const peer = await open(context, [[Setting.INITIAL_WINDOW_SIZE, 0]]);
      const body = serverStreamRequest({ text: "x".repeat(1000), count: 1_000_000 });
      peer.write(
        forStreams(50, 1, (id) =>
          Buffer.concat([headers(id, request(SERVER_STREAM)), data(id, body, Flag.END_STREAM)]),
        ),
      );
      await peer.flood(
        forStreams(50, 1, (id) => windowUpdate(id, 1)),
        { forMs: 1000 },
      );
    },
  });

  attack("A16", "WINDOW_UPDATE flood", {
    ending: CALM,
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(CLIENT_STREAM)));
      await peer.flood(times(200, windowUpdate(0, 1)));
    },
  });

  attack("A16", "WINDOW_UPDATE flood on a stream that has nothing to say", {
    ending: CALM,
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(CLIENT_STREAM)));
      await peer.flood(times(200, windowUpdate(1, 1)));
    },
  });

  attack("A17", "the connection's window beyond 2^31-1", {
    ending: closed("FLOW_CONTROL_ERROR"),
    async run(context) {
      const peer = await open(context);
      peer.write(windowUpdate(0, 0x7fff_ffff), windowUpdate(0, 0x7fff_ffff));
    },
  });

  attack("A17", "INITIAL_WINDOW_SIZE lifts streams beyond 2^31-1", {
    ending: closed("FLOW_CONTROL_ERROR"),
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(CLIENT_STREAM)), windowUpdate(1, 1_000_000));
      peer.write(settings([[Setting.INITIAL_WINDOW_SIZE, 0x7fff_ffff]]));
    },
  });

  attack("A17", "more DATA than the windows allow", {
    ending: bounded,
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, STUCK));
      const end = await peer.flood(data(1, clientStreamRequest(Buffer.alloc(16_000))), {
        forMs: 1000,
        maxBytes: 32 * MIB,
      });
      await peer.closed(1500);
      const codes = [...peer.resets.keys(), ...peer.goAways.map(({ code }) => code)];
      expect(codes, `FLOW_CONTROL_ERROR (${end})`).toContain(3);
    },
  });

  attack("A19", "streams without end to a peer that reads nothing", {
    ending: bounded,
    async run(context) {
      const peer = await open(context, [[Setting.INITIAL_WINDOW_SIZE, 0x7fff_ffff]], { reads: false });
      const body = serverStreamRequest({ text: "x".repeat(1000), count: 1_000_000 });
      peer.write(windowUpdate(0, 0x7000_0000));
      peer.write(
        forStreams(200, 1, (id) =>
          Buffer.concat([headers(id, request(SERVER_STREAM)), data(id, body, Flag.END_STREAM)]),
        ),
      );
      await sleep(1000);
    },
  });

  attack("A19", "200 unary answers of 256 KiB behind shut windows", {
    ending: bounded,
    async run(context) {
      const peer = await open(context, [[Setting.INITIAL_WINDOW_SIZE, 0]]);
      await peer.until(() => peer.count(FrameType.SETTINGS) > 0);
      const body = unaryRequest({ text: "x", payload: Buffer.alloc(256 * 1024) });
      for (let id = 1; id < 400 && !peer.isClosed && peer.nowMs() < 1800; id += 2) {
        peer.write(headers(id, request(UNARY)));
        if ((await peer.body(id, body)) < body.byteLength) break;
      }
      await sleep(100);
    },
  });

  attack("A20", "100 streams that nobody reads, filled", {
    ending: bounded,
    async run(context) {
      const peer = await open(context);
      await peer.until(() => peer.count(FrameType.SETTINGS) > 0);
      const body = times(20, clientStreamRequest(Buffer.alloc(4000)));
      for (let id = 1; id < 200 && !peer.isClosed && peer.nowMs() < 1500; id += 2) {
        peer.write(headers(id, STUCK));
        if ((await peer.body(id, body, false)) === 0) break;
      }
      await sleep(100);
    },
  });

  attack("A20", "100 streams that nobody reads, filled with empty messages", {
    ending: bounded,
    async run(context) {
      const peer = await open(context);
      await peer.until(() => peer.count(FrameType.SETTINGS) > 0);
      const body = times(13_000, grpcMessage(NOTHING));
      for (let id = 1; id < 200 && !peer.isClosed && peer.nowMs() < 1500; id += 2) {
        peer.write(headers(id, STUCK));
        if ((await peer.body(id, body, false)) === 0) break;
      }
      await sleep(100);
    },
  });

  attack("A20", "300 messages of 256 KiB that are never finished", {
    ending: bounded,
    async run(context) {
      const peer = await open(context);
      await peer.until(() => peer.count(FrameType.SETTINGS) > 0);
      const part = grpcMessage(Buffer.alloc(255 * 1024), { declaredBytes: 256 * 1024 });
      for (let id = 1; id < 600 && !peer.isClosed && peer.nowMs() < 1800; id += 2) {
        peer.write(headers(id, request(UNARY)));
        if ((await peer.body(id, part, false)) < part.byteLength) break;
      }
      await sleep(100);
    },
  });
});

/** Sends a frame again and again as the windows of stream 1 allow. */
async function paced(peer: RawPeer, bytes: Buffer, windowBytes: number): Promise<void> {
  await peer.until(() => peer.count(FrameType.SETTINGS) > 0);
  const chunk = times(100, bytes);
  const cost = 100 * windowBytes;
  for (const endMs = performance.now() + 1000; performance.now() < endMs && !peer.isClosed; ) {
    const credit = (): number =>
      Math.min(peer.connectionWindowBytes, peer.streamWindowBytes.get(1) ?? peer.initialWindowBytes);
    if (credit() < cost && !(await peer.until(() => credit() >= cost, 300))) return;
    peer.connectionWindowBytes -= cost;
    peer.streamWindowBytes.set(1, (peer.streamWindowBytes.get(1) ?? peer.initialWindowBytes) - cost);
    if (!peer.write(chunk)) await sleep(0);
    else await new Promise((resolve) => setImmediate(resolve));
  }
}
