import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect } from "vitest";
import { type AttackContext, attack, closed } from "./support/attack.js";
import {
  data,
  Flag,
  FrameType,
  forStreams,
  frame,
  headers,
  priority,
  rstStream,
  windowUpdate,
} from "./support/frames.js";
import { firstRequest, literal, request, shortRequest, UNARY } from "./support/hpack.js";
import { unaryRequest } from "./support/messages.js";
import type { RawPeer } from "./support/raw-peer.js";

const MAX_STREAMS = 1000;
const BATCH = 100;
const CALL_BODY = unaryRequest({ text: "x" });
const SLOW_BODY = unaryRequest({ text: "slow", delayMs: 5000 });
const STUBBORN_BODY = unaryRequest({ text: "stubborn", delayMs: 3000 });

/** Batches of streams, made before the attack: an attacker has them ready. */
function batches(count: number, make: (streamId: number) => Buffer): Buffer[] {
  return Array.from({ length: count }, (_, index) => forStreams(BATCH, 3 + 2 * BATCH * index, make));
}

const call = (body: Buffer) => (id: number) =>
  Buffer.concat([headers(id, shortRequest()), data(id, body, Flag.END_STREAM)]);

const HEADERS_AND_RESETS = batches(200, (id) => Buffer.concat([headers(id, shortRequest()), rstStream(id)]));
const CALLS_AND_RESETS = batches(200, (id) => Buffer.concat([call(CALL_BODY)(id), rstStream(id)]));
const SLOW_CALLS = batches(200, call(SLOW_BODY));
const STUBBORN_CALLS = batches(40, call(STUBBORN_BODY));
const RESETS = batches(200, (id) => rstStream(id));
const OPEN_ENDED = batches(40, (id) => headers(id, shortRequest()));

async function open({ connect }: AttackContext): Promise<RawPeer> {
  const peer = await connect();
  peer.hello();
  peer.write(headers(1, firstRequest()), data(1, CALL_BODY, Flag.END_STREAM));
  return peer;
}

/** Sends chunks until the victim closes. */
async function sendAll(peer: RawPeer, chunks: readonly Buffer[]): Promise<void> {
  await peer.flood((index) => chunks[index] ?? Buffer.alloc(0), { forMs: 1000, maxBytes: total(chunks) });
}

function total(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
}

/** Handlers that began during an attack, those of the other users not counted. */
async function startedBy(context: AttackContext, run: () => Promise<void>): Promise<number> {
  const { victim } = context.target;
  const before = await victim.call("usage", undefined);
  const startMs = performance.now();
  await run();
  const after = await victim.call("usage", undefined);
  return after.started - before.started - ((performance.now() - startMs) / 1000) * 300;
}

describe("streams", () => {
  attack("A1", "rapid reset: HEADERS, RST_STREAM", {
    ending: closed("ENHANCE_YOUR_CALM"),
    async run(context) {
      const peer = await open(context);
      await sendAll(peer, HEADERS_AND_RESETS);
    },
  });

  attack("A1", "rapid reset: whole calls, then RST_STREAM", {
    ending: closed("ENHANCE_YOUR_CALM"),
    async run(context) {
      const started = await startedBy(context, async () => {
        const peer = await open(context);
        await sendAll(peer, CALLS_AND_RESETS);
      });
      expect(started).toBeLessThan(1200);
    },
  });

  attack("A1", "rapid reset, edge preset", {
    ending: closed("ENHANCE_YOUR_CALM"),
    options: { http2: { preset: "edge" } },
    async run(context) {
      const started = await startedBy(context, async () => {
        const peer = await open(context);
        await sendAll(peer, CALLS_AND_RESETS);
      });
      expect(started).toBeLessThan(300);
    },
  });

  attack("A1", "cancels of calls at work, more than an edge allows", {
    ending: closed("ENHANCE_YOUR_CALM"),
    options: { http2: { preset: "edge" } },
    async run(context) {
      const peer = await open(context);
      for (let index = 0; index < 100 && !peer.isClosed; index += 1) {
        peer.write(SLOW_CALLS[index] as Buffer);
        await sleep(3);
        peer.write(RESETS[index] as Buffer);
        await sleep(1);
      }
    },
  });

  attack("A1", "cancels of calls whose handlers go on: their places stay taken", {
    ending: closed("ENHANCE_YOUR_CALM"),
    async run(context) {
      // Each works for longer than this takes. Those at work are not all of this connection: the attack runs twice.
      const started = await startedBy(context, async () => {
        const peer = await open(context);
        for (const [index, calls] of STUBBORN_CALLS.entries()) {
          if (peer.isClosed) break;
          peer.write(calls);
          await sleep(5);
          peer.write(RESETS[index] as Buffer);
        }
      });
      expect(started).toBeLessThan(MAX_STREAMS + 10);
    },
  });

  attack("A2", "MadeYouReset: WINDOW_UPDATE of 0", {
    ending: closed("PROTOCOL_ERROR"),
    async run(context) {
      const peer = await open(context);
      await sendAll(
        peer,
        batches(100, (id) => Buffer.concat([call(SLOW_BODY)(id), windowUpdate(id, 0)])),
      );
    },
  });

  // RFC 9113 section 6.9.1 asks for a reset of the stream; so many of them end the connection.
  attack("A2", "MadeYouReset: WINDOW_UPDATE beyond 2^31-1", {
    ending: closed("ENHANCE_YOUR_CALM"),
    async run(context) {
      const peer = await open(context);
      await sendAll(
        peer,
        batches(100, (id) => Buffer.concat([call(SLOW_BODY)(id), windowUpdate(id, 0x7fff_ffff)])),
      );
    },
  });

  attack("A2", "MadeYouReset: DATA after END_STREAM", {
    ending: closed("STREAM_CLOSED"),
    async run(context) {
      const peer = await open(context);
      await sendAll(
        peer,
        batches(100, (id) => Buffer.concat([call(SLOW_BODY)(id), data(id, Buffer.from("x"))])),
      );
    },
  });

  attack("A2", "MadeYouReset: HEADERS after END_STREAM", {
    ending: closed("STREAM_CLOSED"),
    async run(context) {
      const peer = await open(context);
      await sendAll(
        peer,
        batches(100, (id) => Buffer.concat([call(SLOW_BODY)(id), headers(id, shortRequest())])),
      );
    },
  });

  attack("A2", "MadeYouReset: a body that differs from its content-length", {
    ending: closed("ENHANCE_YOUR_CALM"),
    async run(context) {
      const peer = await open(context);
      const block = request(UNARY, literal("content-length", "1"));
      await sendAll(
        peer,
        batches(50, (id) => Buffer.concat([headers(id, block), data(id, CALL_BODY, Flag.END_STREAM)])),
      );
    },
  });

  attack("A2", "MadeYouReset: PRIORITY of a wrong length", {
    ending: closed("ENHANCE_YOUR_CALM", "FRAME_SIZE_ERROR"),
    async run(context) {
      const peer = await open(context);
      const bad = (id: number): Buffer => frame(FrameType.PRIORITY, 0, id, Buffer.alloc(4));
      await sendAll(
        peer,
        batches(50, (id) => Buffer.concat([call(SLOW_BODY)(id), bad(id)])),
      );
    },
  });

  attack("A2", "MadeYouReset: a stream that depends on itself", {
    ending: closed("PROTOCOL_ERROR"),
    async run(context) {
      const peer = await open(context);
      await sendAll(
        peer,
        batches(50, (id) => Buffer.concat([call(SLOW_BODY)(id), priority(id, id)])),
      );
    },
  });

  attack("A2", "MadeYouReset: trailers with pseudo headers", {
    ending: closed("ENHANCE_YOUR_CALM"),
    async run(context) {
      const peer = await open(context);
      await sendAll(
        peer,
        batches(50, (id) => Buffer.concat([headers(id, shortRequest()), headers(id, shortRequest(), 5)])),
      );
    },
  });

  attack("A21", "more streams than allowed", {
    ending: closed("ENHANCE_YOUR_CALM"),
    async run(context) {
      const peer = await open(context);
      await sendAll(peer, OPEN_ENDED);
    },
  });

  attack("A21", "more streams than allowed, edge preset", {
    ending: closed("ENHANCE_YOUR_CALM"),
    options: { http2: { preset: "edge" } },
    async run(context) {
      const peer = await open(context);
      await sendAll(peer, OPEN_ENDED);
    },
  });

  attack("A22", "the last stream id, then another", {
    ending: closed("NO_ERROR", "PROTOCOL_ERROR", "STREAM_CLOSED"),
    async run(context) {
      const peer = await open(context);
      peer.write(headers(0x7fff_ffff, shortRequest()), data(0x7fff_ffff, CALL_BODY, Flag.END_STREAM));
      await peer.until(() => peer.endedStreams === 2, 500);
      expect(peer.endedStreams + peer.resetCount()).toBeGreaterThan(1);
      await sendAll(peer, OPEN_ENDED);
    },
  });
});
