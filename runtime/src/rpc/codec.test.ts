import { type Message, toBinary } from "@bufbuild/protobuf";
import { type ListValue, ListValueSchema, StructSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { http2Limits } from "../http2/limit-presets.js";
import { protobufCodec } from "./codec.js";

/** Lists within lists; each level is two messages, ListValue and Value. */
function nested(levels: number): Uint8Array {
  let bytes = new Uint8Array(0);
  for (let level = 1; level < levels; level += 1) {
    const value = wrap(0x32, bytes);
    bytes = wrap(0x0a, value);
  }
  return bytes;
}

function wrap(tag: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const length: number[] = [];
  for (let rest = bytes.byteLength; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Uint8Array.from([tag, ...length, ...bytes]);
}

function groups(count: number): Uint8Array {
  return Buffer.concat([Buffer.alloc(count, 0x7b), Buffer.alloc(count, 0x7c)]);
}

describe("protobufCodec", () => {
  it("B3: takes messages up to 100 deep, and no deeper", () => {
    const codec = protobufCodec(ListValueSchema);
    expect((codec.decode(nested(50)) as ListValue).values).toHaveLength(1);
    expect(() => codec.decode(nested(51))).toThrow("maximum recursion depth of 100 reached");
  });

  it("B3: counts unknown groups as well", () => {
    const codec = protobufCodec(StructSchema);
    expect(() => codec.decode(groups(99))).not.toThrow();
    expect(() => codec.decode(groups(100))).toThrow("maximum recursion depth reached");
    expect(() => codec.decode(groups(1_000_000))).toThrow("maximum recursion depth reached");
  });

  it("B3: takes another limit", () => {
    const codec = protobufCodec(ListValueSchema, http2Limits({ maxNesting: 4 }));
    expect(() => codec.decode(nested(2))).not.toThrow();
    expect(() => codec.decode(nested(3))).toThrow("maximum recursion depth of 4 reached");
  });

  it("encodes a plain object as its message", () => {
    const codec = protobufCodec(StructSchema);
    const struct = codec.decode(codec.encode({ fields: {} })) as Message;
    expect(toBinary(StructSchema, struct as never)).toHaveLength(0);
  });
});
