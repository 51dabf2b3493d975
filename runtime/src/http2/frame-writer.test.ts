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
