import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PREFIX_BYTES, writeMessagePrefix } from "./framing.js";
import { MessageReader } from "./message-reader.js";

function frame(message: Uint8Array, compressed = false): Uint8Array {
  const bytes = new Uint8Array(PREFIX_BYTES + message.byteLength);
  writeMessagePrefix(bytes, compressed, message.byteLength);
  bytes.set(message, PREFIX_BYTES);
  return bytes;
}

function read(chunks: readonly Uint8Array[], maxBytes = 1000) {
  const messages: { bytes: Uint8Array; compressed: boolean }[] = [];
  const reader = new MessageReader(
    { onMessage: (bytes, compressed) => messages.push({ bytes, compressed }) },
    maxBytes,
  );
  let failure: ReturnType<MessageReader["read"]>;
  for (const chunk of chunks) failure ??= reader.read(chunk);
  return { messages, failure, isPartial: reader.isPartial };
}

describe("MessageReader", () => {
  it("finds the same messages however the body is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ message: fc.uint8Array({ maxLength: 40 }), compressed: fc.boolean() }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 13 })),
        (sent, cuts) => {
          const body = Buffer.concat(sent.map(({ message, compressed }) => frame(message, compressed)));
          const chunks: Uint8Array[] = [];
          let at = 0;
          for (const cut of [...cuts, body.length]) {
            chunks.push(body.subarray(at, at + cut));
            at += cut;
          }
          const { messages, failure, isPartial } = read(chunks);
          expect(failure).toBeUndefined();
          expect(isPartial).toBe(false);
          expect(messages.map(({ bytes, compressed }) => [[...bytes], compressed])).toEqual(
            sent.map(({ message, compressed }) => [[...message], compressed]),
          );
        },
      ),
    );
  });

  it("hands out bytes that are the sink's own", () => {
    const body = frame(new Uint8Array([1, 2, 3]));
    const { messages } = read([body]);
    body.fill(9);
    expect([...(messages[0]?.bytes ?? [])]).toEqual([1, 2, 3]);
  });

  it("keeps the messages of a stream apart, small or large, whose buffers some of them share", () => {
    const sizes = [1, 70, 0, 1024, 1025, 3, 600, 600, ...Array.from({ length: 200 }, () => 100)];
    const { messages } = read(
      sizes.map((size, index) => frame(new Uint8Array(size).fill(index))),
      2000,
    );
    expect(messages.map(({ bytes }) => bytes)).toEqual(sizes.map((size, index) => new Uint8Array(size).fill(index)));
    expect(new Set(messages.map(({ bytes }) => bytes.buffer)).size).toBeLessThan(20);
    expect(messages[0]?.bytes.buffer.byteLength).toBe(1);
  });

  it("tells that a body ends inside a message or its prefix", () => {
    expect(read([frame(new Uint8Array(10)).subarray(0, 3)]).isPartial).toBe(true);
    expect(read([frame(new Uint8Array(10)).subarray(0, 9)]).isPartial).toBe(true);
  });

  it("refuses a message above the limit by its prefix alone (B1)", () => {
    const { failure, messages } = read([frame(new Uint8Array(1001)).subarray(0, PREFIX_BYTES)]);
    expect(failure).toEqual({
      code: 8,
      message: "message of 1001 bytes is larger than the limit of 1000; raise readMaxBytes to accept it",
    });
    expect(messages).toEqual([]);
  });

  it("refuses a length of 4 GiB without reading it as negative", () => {
    expect(read([new Uint8Array([0, 0xff, 0xff, 0xff, 0xff])]).failure?.message).toContain(
      "message of 4294967295 bytes",
    );
  });

  it("refuses a flag byte that means nothing", () => {
    expect(read([new Uint8Array([2, 0, 0, 0, 0])]).failure).toEqual({
      code: 13,
      message: "message prefix: flag byte 0x2 must be 0 or 1",
    });
  });
});

describe("a paused MessageReader", () => {
  it("finds the same messages, whenever it is paused and resumed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 23 }), fc.boolean())),
        (sent, cuts) => {
          const body = Buffer.concat(sent.map((message) => frame(message)));
          const messages: Uint8Array[] = [];
          const sink = {
            onMessage: (bytes: Uint8Array) => {
              messages.push(bytes);
              reader.pause();
            },
          };
          const reader: MessageReader = new MessageReader(sink, 1000);
          let at = 0;
          for (const [cut, resumes] of [...cuts, [body.length, false] as const]) {
            expect(reader.read(body.subarray(at, at + cut))).toBeUndefined();
            at += cut;
            if (resumes) expect(reader.resume()).toBeUndefined();
          }
          while (reader.isPaused) expect(reader.resume()).toBeUndefined();
          expect(messages.map((bytes) => [...bytes])).toEqual(sent.map((message) => [...message]));
          expect([reader.waitingBytes, reader.isPartial]).toEqual([0, false]);
        },
      ),
    );
  });

  it("refuses what it finds wrong later", () => {
    const reader: MessageReader = new MessageReader({ onMessage: () => reader.pause() }, 1000);
    expect(reader.read(Buffer.concat([frame(new Uint8Array(1)), Uint8Array.of(7)]))).toBeUndefined();
    reader.read(new Uint8Array(9));
    expect(reader.resume()).toMatchObject({ code: 13 });
  });

  it("keeps nothing after it was stopped, not even by its sink", () => {
    const reader: MessageReader = new MessageReader({ onMessage: () => reader.stop() }, 1000);
    reader.read(Buffer.concat([frame(new Uint8Array(1)), frame(new Uint8Array(1))]));
    reader.read(frame(new Uint8Array(1)));
    expect(reader.waitingBytes).toBe(0);
  });
});

describe("a large message", () => {
  it("B1: has memory set aside for it as it comes, not as its prefix says", () => {
    const size = 64 * 1024 * 1024;
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 20 }, () => new MessageReader({ onMessage: () => {} }, size));
    const prefix = new Uint8Array(PREFIX_BYTES);
    writeMessagePrefix(prefix, false, size);
    for (const reader of readers) {
      reader.read(prefix);
      reader.read(Uint8Array.of(1));
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  });

  it("arrives whole", () => {
    const message = new Uint8Array(6_000_000).map((_, index) => index % 251);
    const body = frame(message);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < body.length; at += 16_384) chunks.push(body.subarray(at, at + 16_384));
    const { messages, isPartial } = read(chunks, 6_000_000);
    expect(Buffer.compare(messages[0]?.bytes ?? new Uint8Array(0), message)).toBe(0);
    expect(isPartial).toBe(false);
  });
});
