import { describe, expect } from "vitest";
import { type AttackContext, attack, bounded, closed } from "./support/attack.js";
import { continuation, data, Flag, forStreams, headers, NOTHING, ping, Setting, times } from "./support/frames.js";
import { entered, indexed, integer, literal, request, tableSize, UNARY } from "./support/hpack.js";
import { unaryRequest } from "./support/messages.js";
import type { RawPeer } from "./support/raw-peer.js";

const CALL_BODY = unaryRequest({ text: "x" });

async function open(context: AttackContext): Promise<RawPeer> {
  const peer = await context.connect();
  peer.hello();
  return peer;
}

describe("header blocks", () => {
  attack("A3", "CONTINUATION flood, full frames", {
    ending: closed("ENHANCE_YOUR_CALM"),
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(), 0));
      await peer.flood(continuation(1, Buffer.alloc(16_384)));
    },
  });

  attack("A3", "CONTINUATION flood, empty frames", {
    ending: closed("ENHANCE_YOUR_CALM", "PROTOCOL_ERROR"),
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(), 0));
      await peer.flood(times(1000, continuation(1, NOTHING)));
    },
  });

  attack("A3", "CONTINUATION flood, one byte each", {
    ending: closed("ENHANCE_YOUR_CALM"),
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, NOTHING, 0));
      await peer.flood(times(1000, continuation(1, Buffer.from([0x82]))));
    },
  });

  attack("A3", "another frame inside a header block", {
    ending: closed("PROTOCOL_ERROR"),
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(), 0), ping());
    },
  });

  attack("A4", "HPACK bomb: 3 MB out of 12 KB", {
    ending: closed("ENHANCE_YOUR_CALM", "COMPRESSION_ERROR"),
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(UNARY, entered("x", "a".repeat(4000)))));
      const bomb = request(UNARY, times(750, indexed(62)));
      await peer.flood((index) => headers(3 + 2 * index, bomb), { forMs: 500 });
    },
  });

  attack("A4", "HPACK bomb just above the soft limit, stream after stream", {
    ending: closed("ENHANCE_YOUR_CALM"),
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(UNARY, entered("x", "a".repeat(4000)))));
      const bomb = request(UNARY, times(5, indexed(62)));
      await peer.flood((index) => headers(3 + 2 * index, bomb), { forMs: 500 });
    },
  });

  attack("A5", "HTTP/2 bomb: cookie crumbs without end, zero window", {
    ending: closed("ENHANCE_YOUR_CALM"),
    async run({ connect }) {
      const peer = await connect();
      peer.hello([[Setting.INITIAL_WINDOW_SIZE, 0]]);
      peer.write(headers(1, request(UNARY, entered("cookie", "a"))));
      const bomb = request(UNARY, times(16_000, indexed(62)));
      await peer.flood((index) => headers(3 + 2 * index, bomb), { forMs: 500 });
    },
  });

  attack("A5", "cookie crumbs within the bytes but above the fields", {
    ending: closed("ENHANCE_YOUR_CALM"),
    async run({ connect }) {
      const peer = await connect();
      peer.hello([[Setting.INITIAL_WINDOW_SIZE, 0]]);
      peer.write(headers(1, request(UNARY, entered("cookie", "a"))));
      const bomb = request(UNARY, times(380, indexed(62)));
      await peer.flood((index) => headers(3 + 2 * index, bomb), { forMs: 500 });
    },
  });

  attack("A5", "1,000 streams with all the fields that are allowed, pinned", {
    ending: bounded,
    async run({ connect }) {
      const peer = await connect();
      peer.hello([[Setting.INITIAL_WINDOW_SIZE, 0]]);
      peer.write(headers(1, request(UNARY, entered("cookie", "a"))));
      const block = request(UNARY, times(120, indexed(62)));
      const body = unaryRequest({ text: "pinned", delayMs: 5000 });
      peer.write(forStreams(999, 3, (id) => Buffer.concat([headers(id, block), data(id, body, Flag.END_STREAM)])));
      await new Promise((resolve) => setTimeout(resolve, 700));
    },
  });

  attack("A6", "a table of 4 GiB for our encoder", {
    ending: bounded,
    async run({ connect }) {
      const peer = await connect();
      peer.hello([[Setting.HEADER_TABLE_SIZE, 0xffff_ffff]]);
      for (let index = 0; index < 5; index += 1) {
        peer.write(
          forStreams(100, 1 + 200 * index, (id) =>
            Buffer.concat([
              headers(id, request(UNARY, literal("x-echo-probe", `${id}${"a".repeat(4000)}`))),
              data(id, CALL_BODY, Flag.END_STREAM),
            ]),
          ),
        );
        await peer.until(() => peer.endedStreams >= 100 * (index + 1));
      }
      expect(peer.endedStreams).toBe(500);
    },
  });

  attack("A6", "table size updates: too large, too many, too late", {
    ending: closed("COMPRESSION_ERROR"),
    async run(context) {
      const blocks = [
        Buffer.concat([tableSize(4097), request()]),
        Buffer.concat([tableSize(0), tableSize(4096), tableSize(0), request()]),
        Buffer.concat([request(), tableSize(0)]),
        Buffer.concat([tableSize(0xffff_ffff), request()]),
      ];
      await closeEach(context, blocks);
    },
  });

  attack("A7", "integers and strings without end", {
    ending: closed("COMPRESSION_ERROR"),
    async run(context) {
      const blocks = [
        // Zero bits that go on: the value never grows.
        Buffer.concat([Buffer.from([0x7f]), Buffer.alloc(64, 0x80), Buffer.from([0])]),
        Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        // A name of 2^28 bytes, of 4 GiB.
        Buffer.concat([Buffer.from([0]), integer(2 ** 28 + 1, 7, 0), Buffer.from("a")]),
        Buffer.concat([Buffer.from([0]), integer(2 ** 32 - 1, 7, 0), Buffer.from("a")]),
        // A value that ends beyond its block.
        Buffer.concat([Buffer.from([0]), integer(1, 7, 0), Buffer.from("a"), integer(100, 7, 0)]),
        // Huffman: EOS, padding of zeros, padding of 8 bits.
        Buffer.from([0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00]),
        Buffer.from([0x00, 0x81, 0x18, 0x00]),
        Buffer.from([0x00, 0x82, 0x1f, 0xff, 0x00]),
        // Entries that are not there.
        indexed(0),
        indexed(62),
      ];
      await closeEach(context, blocks);
    },
  });

  attack("A7", "a header string that never comes to its end, 60 KB at a time", {
    ending: closed("ENHANCE_YOUR_CALM", "COMPRESSION_ERROR"),
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, Buffer.concat([Buffer.from([0]), integer(2 ** 27, 7, 0)]), 0));
      await peer.flood(times(4, continuation(1, Buffer.alloc(15_000, "a"))));
    },
  });

  attack("A8", "a refused block must still be decoded", {
    ending: bounded,
    async run(context) {
      const peer = await open(context);
      const probe = `in step ${Math.random()}`;
      // Malformed, too large, with too many fields: each enters something into the table.
      peer.write(headers(1, request(UNARY, literal("UPPER", "x"), entered("x-probe", "first"))));
      peer.write(
        headers(
          3,
          request(UNARY, entered("x-large", "a".repeat(4000)), times(4, indexed(62)), entered("x-probe", probe)),
        ),
      );
      peer.write(headers(5, request(UNARY, times(130, indexed(62)), entered("cookie", "a"))));
      peer.write(headers(7, request(UNARY, indexed(63))), data(7, CALL_BODY, Flag.END_STREAM));
      await peer.until(() => peer.endedStreams === 1);
      expect(peer.goAways).toEqual([]);
      expect((await context.target.victim.call("usage", undefined)).probe).toBe(probe);
    },
  });

  attack("A15", "empty header names", {
    ending: closed("PROTOCOL_ERROR", "COMPRESSION_ERROR", "ENHANCE_YOUR_CALM"),
    async run(context) {
      const peer = await open(context);
      const block = request(UNARY, times(100, literal("", "")));
      await peer.flood((index) => headers(1 + 2 * index, block), { forMs: 500 });
    },
  });

  attack("A31", "trailers with more fields than allowed", {
    ending: closed("ENHANCE_YOUR_CALM"),
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(UNARY, entered("cookie", "a"))));
      const bomb = times(380, indexed(62));
      await peer.flood(
        (index) => {
          const id = 3 + 2 * index;
          return Buffer.concat([headers(id, request()), headers(id, bomb, Flag.END_HEADERS | Flag.END_STREAM)]);
        },
        { forMs: 500 },
      );
    },
  });

  attack("A31", "a long list of announced trailers means nothing", {
    ending: bounded,
    async run(context) {
      const peer = await open(context);
      const names = Array.from({ length: 2000 }, (_, index) => `x-${index}`).join(",");
      const block = request(UNARY, literal("trailer", names));
      for (let id = 1; id < 200; id += 2) peer.write(headers(id, block), data(id, CALL_BODY, Flag.END_STREAM));
      await peer.until(() => peer.endedStreams === 100);
      expect(peer.endedStreams).toBe(100);
    },
  });
});

/** Each block ends a connection of its own; the last one is left to the harness. */
async function closeEach(context: AttackContext, blocks: readonly Buffer[]): Promise<void> {
  const peers: RawPeer[] = [];
  for (const block of blocks) {
    const peer = await open(context);
    peer.write(headers(1, block));
    peers.push(peer);
  }
  for (const [index, peer] of peers.entries()) {
    await peer.closed(2000);
    expect(peer.isClosed, `block ${index}: the connection is closed`).toBe(true);
    expect(peer.goAways.at(-1)?.code, `block ${index}: COMPRESSION_ERROR`).toBe(9);
  }
}
