import { create, createFileRegistry, type DescMessage, equals, fromBinary } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { protobufCodec } from "./codec.js";
import { encodeOutgoing, type Needed, type OutgoingMessage, settle } from "./outgoing.js";

const file = create(FileDescriptorProtoSchema, {
  name: "test/blob.proto",
  package: "test",
  syntax: "proto3",
  messageType: [
    {
      name: "Blob",
      field: [
        { name: "value", number: 1, type: Type.BYTES, label: Label.OPTIONAL, jsonName: "value" },
        {
          name: "inner",
          number: 2,
          type: Type.MESSAGE,
          typeName: ".test.Blob",
          label: Label.OPTIONAL,
          jsonName: "inner",
        },
      ],
    },
  ],
});
const Blob = createFileRegistry(file, () => undefined).getMessage("test.Blob") as DescMessage;
const codec = protobufCodec(Blob);

function encode(message: object, needed: Needed): OutgoingMessage {
  const outgoing = encodeOutgoing(codec, message, undefined, needed);
  if (outgoing instanceof Promise) throw new Error("encoding takes no time");
  return outgoing;
}

function settled(message: object, needed: Needed): OutgoingMessage {
  const outgoing = encode(message, needed);
  settle(outgoing);
  return outgoing;
}

function filled(size: number, byte: number): { value: Uint8Array } {
  return { value: new Uint8Array(size).fill(byte) };
}

describe("encodeOutgoing", () => {
  it("lends bytes until the next message, whatever size they and those before have", () => {
    for (const size of [0, 1, 300, 300, 60_000, 1]) {
      const message = filled(size, size);
      const { bytes, memory } = encode(message, "until-sent");
      expect(memory).toBe("lent");
      expect(equals(Blob, fromBinary(Blob, bytes), create(Blob, message))).toBe(true);
    }
  });

  it.each(["until-over", "for-ever"] as const)("gives bytes that are needed %s memory of their own", (needed) => {
    const kept = [1, 300, 300].map((size) => encode(filled(size, 7), needed));
    encode(filled(300, 9), "until-sent");
    expect(kept.map(({ memory }) => memory)).toEqual(["kept", "kept", "kept"]);
    expect(kept.map(({ bytes }) => bytes.at(-1))).toEqual([7, 7, 7]);
  });

  it.each(["until-sent", "until-over"] as const)(
    "uses the memory of a large message that is needed %s again, when it has left and not before",
    (needed) => {
      const first = settled(filled(200_000, 1), needed);
      const second = settled(filled(200_000, 2), needed);
      expect([first.bytes.at(-1), second.bytes.at(-1)]).toEqual([1, 2]);
      const { memory } = first;
      if (typeof memory !== "object") throw new Error("large messages have an owner");
      memory.onLeft();
      memory.onLeft();
      const [third, fourth] = [settled(filled(190_000, 3), needed), settled(filled(190_000, 4), needed)];
      expect(third.bytes.buffer).toBe(first.bytes.buffer);
      expect(fourth.bytes.buffer).not.toBe(first.bytes.buffer);
      expect([second, third, fourth].map(({ bytes }) => bytes.at(-1))).toEqual([2, 3, 4]);
    },
  );

  it("keeps the memory of as many messages as a stream may have waiting", () => {
    const waiting = (): OutgoingMessage[] =>
      Array.from({ length: 20 }, (_, index) => settled(filled(70_000, index), "until-sent"));
    const first = waiting();
    for (const { memory } of first) if (typeof memory === "object") memory.onLeft();
    const again = waiting();
    expect(new Set(again.map(({ bytes }) => bytes.buffer))).toEqual(new Set(first.map(({ bytes }) => bytes.buffer)));
    expect(again.map(({ bytes }) => bytes.at(-1))).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  it("copies large bytes as far as they are asked for, each once, and never when nobody asks", () => {
    const inner = filled(100_000, 2);
    const message = { ...filled(200_000, 1), inner };
    const { bytes, memory } = encode(message, "until-sent");
    if (typeof memory !== "object") throw new Error("large messages have an owner");
    const expected = codec.encode(message);
    for (const end of [0, 3, 50_000, 50_000, 200_010, 250_000]) {
      memory.fill?.(end);
      expect(Buffer.compare(bytes.subarray(0, end), expected.subarray(0, end))).toBe(0);
    }
    message.value.fill(7);
    inner.value.fill(8, 0, 49_000);
    inner.value.fill(9, 51_000);
    memory.fill?.(bytes.byteLength);
    expect([bytes[150_000], bytes[249_000], bytes.at(-1)]).toEqual([1, 2, 9]);
    const given = encode(filled(200_000, 3), "until-sent");
    if (typeof given.memory === "object") given.memory.onLeft();
    settle(given);
    const next = settled(filled(200_000, 4), "until-sent");
    expect([next.bytes.buffer === given.bytes.buffer, next.bytes.at(-1)]).toEqual([true, 4]);
  });

  it("encodes right after a message that it could not encode", () => {
    expect(() => encode({ inner: { inner: { value: "no bytes" } } }, "until-sent")).toThrow();
    const message = { inner: { inner: filled(3, 5) } };
    const { bytes } = encode(message, "until-sent");
    expect(equals(Blob, fromBinary(Blob, bytes), create(Blob, message))).toBe(true);
  });
});
