import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createVirtualClock } from "../testing/virtual-clock.js";
import { createHttp2Connection } from "./connection.js";
import { CLIENT_PREFACE, FrameFlag } from "./frame.js";
import {
  dataFrame,
  frame,
  headersFrame,
  literals,
  REQUEST,
  RESPONSE,
  settingsFrame,
  uint32,
} from "./test/scripted-peer.js";
import { ErrorCode, type Http2Stream, type StreamHandler } from "./types.js";

type Role = "client" | "server";

/** What one stream's peer sends: a block in parts, pieces of a body, an end. */
interface Call {
  readonly continuations: number;
  readonly padding: number;
  readonly hasPriority: boolean;
  readonly pieces: readonly number[];
  readonly end: "data" | "trailers" | "reset" | "none";
}

/** Frames that belong to no call, by number. Each comes a few times only, for there are budgets of most (A16). */
const NOISE: readonly Buffer[] = [
  frame("PRIORITY", 0, 9, Buffer.alloc(5)),
  frame("WINDOW_UPDATE", 0, 0, uint32(1)),
  settingsFrame([[4, 70_000]]),
  frame("PING", FrameFlag.ACK, 0, Buffer.alloc(8)),
  Buffer.concat([Buffer.from([0, 0, 70, 0xaa, 0xff, 0, 0, 0, 3]), Buffer.alloc(70, 0x40)]),
  Buffer.from([0, 0, 0, 0xbb, 0, 0, 0, 0, 0]),
];

const { END_HEADERS, END_STREAM, PADDED, PRIORITY } = FrameFlag;

function padded(bytes: Uint8Array, padding: number): Buffer {
  return padding === 0 ? Buffer.from(bytes) : Buffer.concat([Buffer.of(padding), bytes, Buffer.alloc(padding)]);
}

/** What must not be torn apart by other frames comes as one. */
function framesOf(role: Role, id: number, call: Call): Buffer[] {
  const block = literals([...(role === "server" ? REQUEST : RESPONSE), "x-id", String(id)]);
  const share = Math.floor(block.length / (call.continuations + 1));
  const parts = Array.from({ length: call.continuations + 1 }, (_, at) =>
    block.subarray(at * share, at === call.continuations ? undefined : (at + 1) * share),
  );
  const first = call.hasPriority ? Buffer.concat([uint32(0), Buffer.of(7), parts[0] as Buffer]) : (parts[0] as Buffer);
  const flags = (call.padding > 0 ? PADDED : 0) | (call.hasPriority ? PRIORITY : 0);
  const last = call.continuations === 0 ? END_HEADERS : 0;
  const headers: Buffer[] = [frame("HEADERS", flags | last, id, padded(first, call.padding))];
  for (const [at, part] of parts.slice(1).entries()) {
    headers.push(frame("CONTINUATION", at + 1 === call.continuations ? END_HEADERS : 0, id, part));
  }
  const frames: Buffer[] = [Buffer.concat(headers)];
  for (const size of call.pieces) {
    const body = Buffer.alloc(size, id);
    frames.push(frame("DATA", call.padding > 0 ? PADDED : 0, id, padded(body, call.padding)));
  }
  if (call.end === "data") frames.push(dataFrame(id, Buffer.of(1), true));
  if (call.end === "trailers")
    frames.push(frame("HEADERS", END_HEADERS | END_STREAM, id, literals(["grpc-status", "0"])));
  if (call.end === "reset") frames.push(frame("RST_STREAM", 0, id, uint32(ErrorCode.CANCEL)));
  return frames;
}

/** All calls' frames, woven together as `order` says; a peer opens its streams in order. */
function conversation(role: Role, calls: readonly Call[], order: readonly number[]): Buffer {
  const waiting = calls.map((call, at) => framesOf(role, 2 * at + 1, call));
  const bytes: Buffer[] = role === "server" ? [Buffer.from(CLIENT_PREFACE)] : [];
  bytes.push(settingsFrame([]), frame("SETTINGS", FrameFlag.ACK, 0));
  const noises = NOISE.map((noise) => [noise, noise, noise, noise, noise]);
  let opened = 0;
  for (let turn = 0; waiting.some((frames) => frames.length > 0); turn++) {
    const pick = order[turn % order.length] as number;
    const noise = noises[pick]?.shift();
    if (noise !== undefined) bytes.push(noise);
    const started = waiting.slice(0, opened).filter((frames) => frames.length > 0);
    const next = opened < waiting.length && (pick % 2 === 0 || started.length === 0);
    const frames = next ? waiting[opened++] : started[pick % started.length];
    bytes.push(frames?.shift() as Buffer);
  }
  return Buffer.concat(bytes);
}

/** Everything that a connection tells and sends when it gets the bytes in these pieces. */
async function eventsOf(role: Role, callCount: number, pieces: Iterable<Buffer>): Promise<string[]> {
  const events: string[] = [];
  const clock = createVirtualClock();
  const handlerOf = (name: string, stream: () => Http2Stream | undefined): StreamHandler => ({
    onHeaders: (fields, endStream) => events.push(`${name} headers ${fields.join()} ${endStream}`),
    onData: (bytes, endStream) => {
      // A body is one sequence of bytes, in whatever pieces it comes.
      const before = new RegExp(`^${name} data (.*) false$`).exec(events.at(-1) ?? "")?.[1];
      if (before !== undefined) events.pop();
      events.push(`${name} data ${before ?? ""}${Buffer.from(bytes).toString("hex")} ${endStream}`);
      stream()?.consume(bytes.byteLength);
    },
    onWritable: () => events.push(`${name} writable`),
    onClose: (error) => events.push(`${name} closed ${error?.message}`),
  });
  const connection = createHttp2Connection({
    role,
    clock,
    rng: () => 0.5,
    options: {},
    handler: {
      onOutput: () => undefined,
      onStream: (stream, fields, endStream) => {
        events.push(`${stream.id} opened ${fields.join()} ${endStream}`);
        return handlerOf(`${stream.id}`, () => stream);
      },
      onCapacity: () => events.push("capacity"),
      onLimit: ({ limit }) => events.push(`limit ${limit}`),
      onClose: (error) => events.push(`closed ${error?.message}`),
    },
  });
  for (let at = 0; role === "client" && at < callCount; at++) {
    let stream: Http2Stream | undefined;
    stream = connection.openStream(
      { fields: REQUEST },
      undefined,
      false,
      handlerOf(`${2 * at + 1}`, () => stream),
    );
  }
  const sent: Buffer[] = [];
  for (const piece of pieces) {
    // A socket's buffer is used again: whoever keeps it sees other bytes.
    const lent = Buffer.from(piece);
    connection.receive(lent);
    lent.fill(0xff);
    connection.takeOutput((bytes) => sent.push(Buffer.from(bytes)));
  }
  for (let turn = 0; turn < 3 || connection.isReadPaused; turn++) {
    await clock.advance(0);
    connection.takeOutput((bytes) => sent.push(Buffer.from(bytes)));
  }
  return [...events, Buffer.concat(sent).toString("hex")];
}

function* cut(bytes: Buffer, sizes: readonly number[]): Iterable<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] as number;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const anyCall: fc.Arbitrary<Call> = fc.record({
  continuations: fc.integer({ min: 0, max: 8 }),
  padding: fc.constantFrom(0, 0, 1, 255),
  hasPriority: fc.boolean(),
  pieces: fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 3 }),
  end: fc.constantFrom("data", "trailers", "reset", "none"),
});

describe("A24, A26: what a peer may send", () => {
  it.for(["server", "client"] as const)("means the same to a %s wherever it is cut", async (role) => {
    await fc.assert(
      fc.asyncProperty(
        // Above 32 streams in a read others get their turn (A1).
        fc.array(anyCall, { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 50 }),
        fc.array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 9000 })), { minLength: 1 }),
        async (calls, order, sizes) => {
          const bytes = conversation(role, calls, order);
          const whole = await eventsOf(role, calls.length, [bytes]);
          expect(whole.filter((event) => event.startsWith("limit") || event.startsWith("closed"))).toEqual([]);
          expect(await eventsOf(role, calls.length, cut(bytes, sizes))).toEqual(whole);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("A1: reading that was held back", () => {
  it("goes on with every frame in its order, those that came meanwhile behind those before", async () => {
    const ids = Array.from({ length: 100 }, (_, at) => 2 * at + 1);
    const requests = ids.flatMap((id) => [headersFrame(id, REQUEST), dataFrame(id, Buffer.from(`body ${id}`), true)]);
    const hello = [Buffer.from(CLIENT_PREFACE), settingsFrame([]), frame("SETTINGS", FrameFlag.ACK, 0)];
    const bytes = Buffer.concat([...hello, ...requests]);
    const inOrder = ids.flatMap((id) => [
      `${id} opened ${REQUEST.join()} false`,
      `${id} data ${Buffer.from(`body ${id}`).toString("hex")} true`,
    ]);
    for (const at of [bytes.length, bytes.length - 1, bytes.length - 5, bytes.length - 40, 3000]) {
      const events = await eventsOf("server", 0, [bytes.subarray(0, at), bytes.subarray(at)]);
      expect(
        events.filter((event) => /^\d+ (opened|data)/.test(event)),
        `cut at ${at}`,
      ).toEqual(inOrder);
    }
  });
});
