import { create, createFileRegistry, type DescMessage, equals, fromBinary } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { protobufCodec } from "./codec.js";
import { encodeOutgoing, type OutgoingMessage } from "./outgoing.js";

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

function encode(message: object, mayLend: boolean): OutgoingMessage {
  const outgoing = encodeOutgoing(codec, message, undefined, mayLend);
  if (outgoing instanceof Promise) throw new Error("encoding takes no time");
  return outgoing;
}

function filled(size: number, byte: number): { value: Uint8Array } {
  return { value: new Uint8Array(size).fill(byte) };
}

describe("encodeOutgoing", () => {
  it("lends bytes until the next message, whatever size they and those before have", () => {
    for (const size of [0, 1, 300, 300, 70_000, 1]) {
      const message = filled(size, size);
      const { bytes, isLent } = encode(message, true);
      expect(isLent).toBe(true);
      expect(equals(Blob, fromBinary(Blob, bytes), create(Blob, message))).toBe(true);
    }
  });

  it("gives memory of their own to bytes that are kept, and to those that are too many to lend", () => {
    const kept = [1, 300, 300].map((size) => encode(filled(size, 7), false));
    const large = encode(filled(200_000, 8), true);
    encode(filled(300, 9), true);
    expect([...kept, large].map(({ isLent }) => isLent)).toEqual([false, false, false, false]);
    expect([...kept, large].map(({ bytes }) => bytes.at(-1))).toEqual([7, 7, 7, 8]);
  });

  it("encodes right after a message that it could not encode", () => {
    expect(() => encode({ inner: { inner: { value: "no bytes" } } }, true)).toThrow();
    const message = { inner: { inner: filled(3, 5) } };
    const { bytes } = encode(message, true);
    expect(equals(Blob, fromBinary(Blob, bytes), create(Blob, message))).toBe(true);
  });
});
