import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, test } from "vitest";
import type { RecordedStream } from "../http2/test/scripted-peer.js";
import type { Http2Options } from "../http2/types.js";
import { framed, NOTHING_LEFT, Served, statusOf, zipped } from "./test/served.js";

const GZIP = { "grpc-encoding": "gzip" };

let served: Served | undefined;

afterEach(async () => {
  expect(await served?.stop()).toEqual(NOTHING_LEFT);
});

async function serve(http2: Http2Options): Promise<Served> {
  const say = (request: object): object => request;
  async function* chat(requests: AsyncIterable<object>): AsyncGenerator<object> {
    yield* requests;
  }
  served = await new Served({ say, chat }, { http2 }).start();
  return served;
}

function prefixed(bytes: Buffer, isCompressed: boolean): Buffer {
  const prefix = Buffer.of(isCompressed ? 1 : 0, 0, 0, 0, 0);
  prefix.writeUInt32BE(bytes.byteLength, 1);
  return Buffer.concat([prefix, bytes]);
}

/** So many bytes in gzip that says to hold `saidBytes`. */
function bomb(byteCount: number, saidBytes = byteCount): Buffer {
  const bytes = gzipSync(Buffer.alloc(byteCount));
  bytes.writeUInt32LE(saidBytes, bytes.byteLength - 4);
  return prefixed(bytes, true);
}

/** Lets other threads come to an end. */
async function settled(running: Served, isDone: () => boolean): Promise<void> {
  while (!isDone()) {
    await new Promise((resolve) => setImmediate(resolve));
    await running.clock.advance(0);
  }
}

const CALM = "the peer is going away with ENHANCE_YOUR_CALM: too many messages that can't be decompressed";
const CLOSED = [`the peer closed the connection; before that, ${CALM}`];

describe("what compressed messages may cost a server", () => {
  test.for([
    { name: "no gzip", body: prefixed(Buffer.of(1, 2, 3), true) },
    { name: "bombs whose trailers lie", body: bomb(200_000, 10) },
    { name: "bombs whose trailers say just enough", body: bomb(200_000, 100_000) },
  ])("B2: ends a connection that sends too many messages that are $name", async ({ body }) => {
    const running = await serve({ maxDecompressionFailures: 3, maxMessageBytes: 100_000 });
    const answers: RecordedStream[] = [];
    for (let index = 0; index < 3; index += 1) answers.push(await running.send({ headers: GZIP, body }));
    await settled(running, () => answers.every(({ didEnd }) => didEnd));
    expect(running.closed).toEqual([]);
    // Three are forgiven, and in 10 s three more.
    await running.clock.advance(3400);
    const forgiven = await running.send({ headers: GZIP, body });
    await settled(running, () => forgiven.didEnd);
    expect(running.closed).toEqual([]);
    for (let index = 0; index < 5 && running.connection.canOpenStream; index += 1) {
      await running.send({ headers: GZIP, body });
    }
    await settled(running, () => running.limits.includes("decompression_failures"));
    await running.clock.advance(1000);
    expect(running.closed).toEqual(CLOSED);
    expect(running.limits.filter((limit) => limit === "decompression_failures")).toHaveLength(1);
  });

  it("B2: counts bombs of streams that were reset before they had gone off", async () => {
    const running = await serve({ maxDecompressionFailures: 1, maxMessageBytes: 4_000_000 });
    const answers = [];
    for (let index = 0; index < 2; index += 1) {
      answers.push(await running.send({ headers: GZIP, body: bomb(8_000_000, 1_000_000) }));
    }
    for (const answer of answers) await running.reset(answer, 8);
    await settled(running, () => running.limits.includes("decompression_failures"));
    await running.clock.advance(1000);
    // A thread decides whether the client has streams left when it hears of it.
    expect([[CALM], CLOSED]).toContainEqual(running.closed);
  });

  it("B2: does not hold it against a peer that its messages are large, and says so", async () => {
    const running = await serve({ maxDecompressionFailures: 0, maxMessageBytes: 10_000 });
    for (let index = 0; index < 100; index += 1) {
      const answer = await running.send({ headers: GZIP, body: zipped("x".repeat(10_000)) });
      expect(statusOf(answer).code).toBe("8");
    }
    expect(statusOf(await running.send({ headers: GZIP, body: zipped("x") })).code).toBe("0");
    expect(running.closed).toEqual([]);
  });
});

describe("what the fields of a message may cost a server", () => {
  const note = Buffer.from(framed("x")).subarray(5);
  test.for([
    { name: "unknown", field: Buffer.of(0x78, 0x78), limits: { maxUnknownFields: 1000 }, limit: "unknown_fields" },
    { name: "known", field: note, limits: { maxMessageFields: 1000 }, limit: "message_fields" },
  ])("B3: refuses a message of too many $name fields, whatever the call", async ({ field, limits, limit }) => {
    const running = await serve(limits);
    for (const path of ["/test.Echo/Say", "/test.Echo/Chat"]) {
      const send = (count: number): Promise<RecordedStream> => {
        const body = prefixed(Buffer.concat(Array.from({ length: count }, () => field)), false);
        return running.send({ headers: { ":path": path }, body });
      };
      expect(statusOf(await send(1000)).code).toBe("0");
      expect(running.limits).toEqual([]);
      const { code, message } = statusOf(await send(1001));
      expect(code).toBe("8");
      expect(message).toMatch(
        /^can't decode test\.Note: it has more than 1000 fields.*; raise http2\.max\w+ to accept it$/,
      );
      expect(running.limits.splice(0)).toEqual([limit]);
    }
    expect(running.closed).toEqual([]);
  });

  it("B3: takes 4 MiB in one field, and 260,000 fields of a message", async () => {
    const running = await serve({});
    const large = await running.send({ body: framed("x".repeat(4 * 1024 * 1024 - 10)) });
    expect(statusOf(large).code).toBe("0");
    const body = prefixed(Buffer.concat(Array.from({ length: 260_000 }, () => note)), false);
    expect(statusOf(await running.send({ body })).code).toBe("0");
  });
});
