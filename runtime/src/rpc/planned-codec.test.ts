import {
  create,
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { protobufCodec } from "./codec.js";
import { MessageDecoder } from "./message-decoder.js";
import { MessageEncoder } from "./message-encoder.js";
import { type MessagePlan, planMessage } from "./message-plan.js";

type FieldOptions = { label?: Label; typeName?: string; proto3Optional?: boolean; oneofIndex?: number };

function field(name: string, number: number, type: Type, options: FieldOptions = {}) {
  return { name, number, type, label: Label.OPTIONAL, jsonName: name, ...options };
}

function registryOf(fields: ReturnType<typeof field>[], syntax = "proto3", oneofs: string[] = []): FileRegistry {
  const file = create(FileDescriptorProtoSchema, {
    name: "test/all.proto",
    package: "test",
    syntax,
    enumType: [
      {
        name: "Colour",
        value: [
          { name: "NONE", number: 0 },
          { name: "RED", number: 1 },
        ],
      },
    ],
    messageType: [
      create(DescriptorProtoSchema, { name: "All", field: fields, oneofDecl: oneofs.map((name) => ({ name })) }),
    ],
  });
  return createFileRegistry(file, () => undefined);
}

const LAST_FIELD = 536_870_911;
const repeated = { label: Label.REPEATED };
// "child" is of the message itself; one field comes out of order and one has the largest number that there is.
const All = registryOf(
  [
    field("text", 3, Type.STRING),
    field("payload", 2, Type.BYTES),
    field("flag", 1, Type.BOOL),
    field("small", 16, Type.UINT32),
    field("signed", 17, Type.INT32),
    field("large", 18, Type.UINT64),
    field("larger", 19, Type.INT64),
    field("colour", 20, Type.ENUM, { typeName: ".test.Colour" }),
    field("child", 21, Type.MESSAGE, { typeName: ".test.All" }),
    field("texts", 22, Type.STRING, repeated),
    field("payloads", 23, Type.BYTES, repeated),
    field("children", 24, Type.MESSAGE, { ...repeated, typeName: ".test.All" }),
    field("maybe", LAST_FIELD, Type.STRING, { proto3Optional: true, oneofIndex: 0 }),
  ],
  "proto3",
  ["_maybe"],
).getMessage("test.All") as DescMessage;

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary" }),
  fc.constant("\ufeffx"),
);
const bytes = fc.uint8Array({ maxLength: 300 });

const { all } = fc.letrec<{ all: Record<string, unknown> }>((tie) => ({
  all: fc.record(
    {
      text,
      payload: bytes,
      flag: fc.boolean(),
      small: fc.oneof(fc.nat({ max: 300 }), fc.integer({ min: 0, max: 0xffff_ffff })),
      signed: fc.integer(),
      large: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      larger: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      colour: fc.integer({ min: -2, max: 5 }),
      child: fc.oneof({ depthSize: "small" }, fc.constant(undefined), tie("all")),
      texts: fc.array(text, { maxLength: 3 }),
      payloads: fc.array(bytes, { maxLength: 3 }),
      children: fc.oneof({ depthSize: "small" }, fc.constant([]), fc.array(tie("all"), { maxLength: 3 })),
      maybe: fc.option(text, { nil: undefined }),
    },
    { requiredKeys: [] },
  ),
}));

const plan = planMessage(All) as MessagePlan;
const asInit = (value: unknown) => value as MessageInitShape<DescMessage>;

describe("planMessage", () => {
  const named = { typeName: ".test.Colour" };
  test.for<{ name: string; fields: ReturnType<typeof field>[]; syntax?: string; oneofs?: string[] }>([
    { name: "another syntax", fields: [field("a", 1, Type.STRING)], syntax: "proto2" },
    { name: "a oneof", fields: [field("a", 1, Type.STRING, { oneofIndex: 0 })], oneofs: ["either"] },
    { name: "a packed field", fields: [field("a", 1, Type.INT32, repeated)] },
    { name: "a list of enums", fields: [field("a", 1, Type.ENUM, { ...repeated, ...named })] },
    { name: "a number of a fixed size", fields: [field("a", 1, Type.DOUBLE)] },
    { name: "a zigzag number", fields: [field("a", 1, Type.SINT32)] },
  ])("leaves a message with $name to protobuf-es", ({ fields, syntax, oneofs }) => {
    const desc = registryOf(fields, syntax, oneofs).getMessage("test.All") as DescMessage;
    expect(planMessage(desc)).toBeUndefined();
  });
});

describe("MessageEncoder", () => {
  it("writes what protobuf-es writes, of messages and of what makes them", () => {
    const codec = protobufCodec(All);
    fc.assert(
      fc.property(all, (value) => {
        const message = create(All, asInit(value));
        const expected = Buffer.from(toBinary(All, message));
        expect(Buffer.from(codec.encode(asInit(value)))).toEqual(expected);
        expect(Buffer.from(codec.encode(message))).toEqual(expected);
      }),
    );
  });

  it("covers usual values itself", () => {
    const value = {
      text: "hällo",
      payload: Uint8Array.of(1),
      small: 300,
      large: 2n ** 40n,
      child: { flag: true },
      texts: [""],
    };
    expect(new MessageEncoder(plan).encode(value)).toEqual(Buffer.from(toBinary(All, create(All, asInit(value)))));
  });

  test.for<{ name: string; value: object }>([
    { name: "a negative number", value: { signed: -1 } },
    { name: "a number that is too large", value: { small: 2 ** 32 } },
    { name: "a fraction", value: { small: 1.5 } },
    { name: "text where a number belongs", value: { small: "1" } },
    { name: "a number where text belongs", value: { text: 1 } },
    { name: "an array where bytes belong", value: { payload: [1, 2] } },
    { name: "no list where one belongs", value: { texts: "a" } },
    { name: "text where a message belongs", value: { child: "a" } },
    { name: "something wrong inside", value: { children: [{}, { child: { flag: 1 } }] } },
    { name: "nothing in a list", value: { texts: [undefined] } },
    { name: "unknown fields", value: { $unknown: [{ no: 99, wireType: 0, data: Uint8Array.of(1) }] } },
  ])("leaves $name to protobuf-es", ({ value }) => {
    expect(new MessageEncoder(plan).encode(value)).toBeUndefined();
  });
});

describe("MessageDecoder", () => {
  it("reads what protobuf-es reads", () => {
    const codec = protobufCodec(All);
    fc.assert(
      fc.property(all, (value) => {
        const encoded = toBinary(All, create(All, asInit(value)));
        const message = codec.decode(encoded);
        expect(message).toEqual(fromBinary(All, encoded));
        expect(Object.keys(message)).toEqual(Object.keys(fromBinary(All, encoded)));
      }),
    );
  });

  it("makes of any bytes what protobuf-es makes of them", () => {
    const codec = protobufCodec(All);
    const outcome = (decode: () => unknown): unknown => {
      try {
        return decode();
      } catch (error) {
        return `${error}`;
      }
    };
    const damaged = fc
      .tuple(all, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }), fc.nat())
      .map(([value, changes, cut]) => {
        const encoded = Uint8Array.from(toBinary(All, create(All, asInit(value))));
        for (const [at, byte] of changes) if (encoded.length > 0) encoded[at % encoded.length] = byte;
        return encoded.subarray(0, encoded.length - (cut % 3));
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), damaged), (input) => {
        expect(outcome(() => codec.decode(input))).toEqual(outcome(() => fromBinary(All, input)));
      }),
      { numRuns: 2000 },
    );
  });

  it("shares no list between messages", () => {
    const decoder = new MessageDecoder(plan, 100);
    const [first, second] = [decoder.decode(Uint8Array.of()), decoder.decode(Uint8Array.of())] as { texts: string[] }[];
    first?.texts.push("a");
    expect(second?.texts).toEqual([]);
  });

  test.for<{ name: string; input: number[] }>([
    { name: "a field that it does not know", input: [0x98, 0x06, 1] },
    { name: "a field of another wire type", input: [0x1d, 1, 2, 3, 4] },
    { name: "a message in two parts", input: [0xaa, 0x01, 0, 0xaa, 0x01, 0] },
    { name: "a negative number", input: [0x88, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01] },
    { name: "text that is not UTF-8", input: [0x1a, 1, 0xff] },
    { name: "a length beyond the end", input: [0x1a, 2, 0x61] },
    { name: "a number that is cut short", input: [0x80] },
  ])("leaves $name to protobuf-es", ({ input }) => {
    expect(new MessageDecoder(plan, 100).decode(Uint8Array.from(input))).toBeUndefined();
  });
});
