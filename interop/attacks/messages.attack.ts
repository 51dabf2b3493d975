import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { describe, expect } from "vitest";
import { type AttackContext, attack, bounded, closed } from "./support/attack.js";
import { data, Flag, FrameType, forStreams, headers, rstStream } from "./support/frames.js";
import { CLIENT_STREAM, literal, request, UNARY } from "./support/hpack.js";
import { clientStreamRequest, grpcMessage, unaryRequest } from "./support/messages.js";
import type { RawPeer } from "./support/raw-peer.js";

const MIB = 1024 * 1024;
const GZIP = literal("grpc-encoding", "gzip");
/** 16 KiB that become 16 MiB. */
const BOMB = grpcMessage(gzipSync(unaryRequest({ payload: Buffer.alloc(16 * MIB) })), { isCompressed: true });
/** The same, with another size in gzip's trailer. */
const bombThatSays = (byteCount: number): Buffer => {
  const bomb = Buffer.from(BOMB);
  bomb.writeUInt32LE(byteCount, bomb.byteLength - 4);
  return bomb;
};
/** 4 KiB that become just less than 4 MiB, which is allowed. */
const LARGE = grpcMessage(gzipSync(clientStreamRequest(Buffer.alloc(4 * MIB - 100)).subarray(5)), {
  isCompressed: true,
});

/** A connection whose server has said what it allows, which bodies are cut by. */
async function open({ connect }: AttackContext): Promise<RawPeer> {
  const peer = await connect();
  peer.hello();
  await peer.until(() => peer.count(FrameType.SETTINGS) > 0);
  return peer;
}

describe("messages", () => {
  attack("B1", "500 messages that say 4 GiB", {
    ending: bounded,
    async run({ connect }) {
      const peer = await connect();
      peer.hello();
      const part = grpcMessage(Buffer.from("x"), { declaredBytes: 0xffff_ffff });
      peer.write(forStreams(500, 1, (id) => Buffer.concat([headers(id, request(UNARY)), data(id, part)])));
      await peer.until(() => peer.endedStreams + peer.resetCount() >= 500);
      expect(peer.endedStreams, "answers with a status").toBeGreaterThanOrEqual(500);
    },
  });

  attack("B1", "900 messages that say 4 MiB and stop", {
    ending: bounded,
    async run({ connect }) {
      const peer = await connect();
      peer.hello();
      const part = grpcMessage(Buffer.from("x"), { declaredBytes: 4 * MIB });
      peer.write(forStreams(900, 1, (id) => Buffer.concat([headers(id, request(UNARY)), data(id, part)])));
      await sleep(500);
    },
  });

  attack("B1", "compressed messages that nobody reads", {
    ending: bounded,
    async run(context) {
      const peer = await open(context);
      const block = request(CLIENT_STREAM, literal("x-stuck", "1"), GZIP);
      for (let id = 1; id < 20; id += 2) {
        peer.write(headers(id, block));
        for (let index = 0; index < 15; index += 1) await peer.body(id, LARGE, false);
      }
      await sleep(300);
    },
  });

  attack("B2", "gzip bombs: 100 times 16 MiB out of 16 KiB", {
    ending: bounded,
    async run(context) {
      const peer = await open(context);
      for (let id = 1; id < 200 && peer.nowMs() < 1500; id += 2) {
        peer.write(headers(id, request(UNARY, GZIP)));
        await peer.body(id, BOMB);
      }
      await sleep(100);
    },
  });

  attack("B2", "gzip bombs whose trailers say 1 MiB", {
    ending: closed("ENHANCE_YOUR_CALM"),
    async run(context) {
      const peer = await open(context);
      const bomb = bombThatSays(MIB);
      for (let id = 1; id < 200 && !peer.isClosed && peer.nowMs() < 1500; id += 2) {
        peer.write(headers(id, request(UNARY, GZIP)));
        await peer.body(id, bomb);
      }
    },
  });

  attack("B2", "gzip bombs whose trailers say 1 KiB, their streams reset", {
    // Closed if so many have gone off; most are dropped, for nobody waits for them.
    ending: bounded,
    async run(context) {
      const peer = await open(context);
      const bomb = bombThatSays(1024);
      for (let id = 1; !peer.isClosed && peer.nowMs() < 1500; id += 2) {
        peer.write(headers(id, request(UNARY, GZIP)));
        await peer.body(id, bomb, false);
        peer.write(rstStream(id));
      }
    },
  });

  attack("B2", "an encoding that is not supported", {
    ending: bounded,
    async run({ connect }) {
      const peer = await connect();
      peer.hello();
      const block = request(UNARY, literal("grpc-encoding", "br"));
      peer.write(forStreams(100, 1, (id) => Buffer.concat([headers(id, block), data(id, BOMB.subarray(0, 9), 1)])));
      await peer.until(() => peer.endedStreams === 100);
      expect(peer.endedStreams).toBe(100);
    },
  });

  attack("B3", "a message of 4 MiB made of unknown fields of two bytes", {
    ending: bounded,
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(UNARY)));
      await peer.body(1, grpcMessage(Buffer.alloc(4 * MIB, "x")));
      await peer.until(() => peer.endedStreams === 1);
      expect(peer.endedStreams).toBe(1);
    },
  });

  attack("B3", "a message of 4 MiB made of one field again and again", {
    ending: bounded,
    async run(context) {
      const peer = await open(context);
      peer.write(headers(1, request(UNARY)));
      await peer.body(1, grpcMessage(Buffer.alloc(4 * MIB, Buffer.of(0x0a, 0))));
      await peer.until(() => peer.endedStreams === 1);
      expect(peer.endedStreams).toBe(1);
    },
  });

  attack("B9", "many messages in a unary call", {
    ending: bounded,
    async run({ connect }) {
      const peer = await connect();
      peer.hello();
      const two = Buffer.concat([unaryRequest({ text: "x" }), unaryRequest({ text: "y" })]);
      const before = peer.endedStreams;
      peer.write(
        forStreams(300, 1, (id) => Buffer.concat([headers(id, request(UNARY)), data(id, two, Flag.END_STREAM)])),
      );
      await peer.until(() => peer.endedStreams - before >= 300);
      expect(peer.endedStreams - before, "answers").toBe(300);
    },
  });

  attack("B9", "no message, half a message, half a prefix in a unary call", {
    ending: bounded,
    async run({ connect }) {
      const peer = await connect();
      peer.hello();
      const whole = unaryRequest({ text: "x" });
      peer.write(
        forStreams(100, 1, (id) =>
          Buffer.concat([headers(id, request(UNARY)), data(id, whole.subarray(0, id % whole.byteLength), 1)]),
        ),
      );
      await peer.until(() => peer.endedStreams + peer.resetCount() >= 100);
      expect(peer.endedStreams + peer.resetCount(), "answers").toBeGreaterThanOrEqual(100);
    },
  });
});
