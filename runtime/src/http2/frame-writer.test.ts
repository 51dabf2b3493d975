import { describe, expect, it } from "vitest";
import { FrameType, readUint32 } from "./frame.js";
import { FrameWriter } from "./frame-writer.js";

const BLOCK: readonly string[] = ["x-large", "a".repeat(100_000)];

describe("FrameWriter", () => {
  it("writes every payload into its own frame, also when output grows out of its memory meanwhile", () => {
    const writer = new FrameWriter(4096);
    for (let value = 1; value <= 2000; value++) writer.windowUpdate(3, value);
    expect(payloads(writer).map((payload) => readUint32(payload, 0))).toEqual(
      Array.from({ length: 2000 }, (_, index) => index + 1),
    );
  });

  it("cuts a header block that is larger than a frame, and loses nothing", () => {
    const writer = new FrameWriter(4096);
    writer.headers(1, { fields: BLOCK }, undefined, true);
    const whole = new FrameWriter(4096);
    whole.maxFrameBytes = 1_000_000;
    whole.headers(1, { fields: BLOCK }, undefined, true);
    expect(Buffer.concat(payloads(writer)).equals(Buffer.concat(payloads(whole)))).toBe(true);
  });
});

describe("FrameWriter: DATA", () => {
  /** Each DATA frame that was written: its stream, whether it ends that, its bytes. */
  function dataOf(output: Buffer): string[] {
    const found: string[] = [];
    for (let at = 0; at < output.length; ) {
      const end = at + 9 + output.readUIntBE(at, 3);
      const isLast = output[at + 4] === 1 ? " end" : "";
      if (output[at + 3] === FrameType.DATA) {
        found.push(`${output.readUInt32BE(at + 5)}${isLast} ${output.toString("latin1", at + 9, end)}`);
      }
      at = end;
    }
    return found;
  }

  function taken(writer: FrameWriter): Buffer {
    const pieces: Uint8Array[] = [];
    writer.output.take((bytes) => pieces.push(Buffer.from(bytes)));
    return Buffer.concat(pieces);
  }

  const text = (value: string): Buffer => Buffer.from(value);

  it("puts what follows at once on the same stream into one frame, and ends the stream with it", () => {
    const writer = new FrameWriter(4096);
    writer.data(1, text("a"), false, text("-"), false);
    writer.data(1, text("b"), false, undefined, true);
    writer.data(3, text("c"), false, undefined, false);
    writer.data(1, text("d"), false, undefined, false);
    writer.data(1, text(""), true, undefined, false);
    expect(dataOf(taken(writer))).toEqual(["1 -ab", "3 c", "1 end d"]);
  });

  it("begins a frame where the one before was taken, is full, or is not the last thing", () => {
    const writer = new FrameWriter(4096);
    writer.data(1, text("a"), false, undefined, false);
    expect(dataOf(taken(writer))).toEqual(["1 a"]);
    writer.data(1, text("b"), false, undefined, false);
    writer.windowUpdate(1, 1);
    writer.data(1, text("c"), false, undefined, false);
    writer.maxFrameBytes = 3;
    writer.data(1, text("de"), false, undefined, false);
    writer.data(1, text("f"), false, undefined, false);
    writer.output.append(text(""));
    writer.data(1, text("g"), false, undefined, false);
    expect(dataOf(taken(writer))).toEqual(["1 b", "1 cde", "1 f", "1 g"]);
  });

  it("begins a frame in memory that is used again, wherever the last one ended", () => {
    const writer = new FrameWriter(4096);
    // As long as the WINDOW_UPDATE that takes its place.
    writer.data(1, text("abcd"), false, undefined, false);
    expect(taken(writer)).toHaveLength(13);
    writer.output.reuse();
    writer.windowUpdate(1, 1);
    writer.data(1, text("e"), false, undefined, false);
    expect(dataOf(taken(writer))).toEqual(["1 e"]);
  });
});

/** The payloads of what was written, all of HEADERS, CONTINUATION or WINDOW_UPDATE. */
function payloads(writer: FrameWriter): Buffer[] {
  const pieces: Uint8Array[] = [];
  writer.output.take((bytes) => pieces.push(bytes));
  const output = Buffer.concat(pieces);
  const found: Buffer[] = [];
  for (let at = 0; at < output.length; ) {
    const end = at + 9 + output.readUIntBE(at, 3);
    expect([FrameType.HEADERS, FrameType.CONTINUATION, FrameType.WINDOW_UPDATE]).toContain(output[at + 3]);
    found.push(output.subarray(at + 9, end));
    at = end;
  }
  return found;
}
