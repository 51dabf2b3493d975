import { create, createFileRegistry, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import {
  DescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  StructSchema,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it, test, vi } from "vitest";
import { http2Limits } from "../http2/limit-presets.js";
import type { Http2Options } from "../http2/limits.js";
import { FieldCounter } from "./field-counter.js";

const SCALARS = Object.values(Type).filter(
  (type): type is Type =>
    typeof type === "number" && type !== Type.GROUP && type !== Type.MESSAGE && type !== Type.ENUM,
);

function field(name: string, number: number, type: Type, label: Label, typeName?: string) {
  return { name, number, type, label, jsonName: name, ...(typeName === undefined ? {} : { typeName }) };
}

/** Fields of every type, once and as a list; groups and messages contain the message itself. */
const All = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: "test/all.proto",
    package: "test",
    syntax: "proto2",
    enumType: [{ name: "Colour", value: [{ name: "RED", number: 1 }] }],
    messageType: [
      create(DescriptorProtoSchema, {
        name: "All",
        field: [
          ...SCALARS.map((type, index) => field(`one${type}`, 1 + index, type, Label.OPTIONAL)),
          ...SCALARS.map((type, index) => field(`many${type}`, 21 + index, type, Label.REPEATED)),
          field("colour", 41, Type.ENUM, Label.OPTIONAL, ".test.Colour"),
          field("colours", 42, Type.ENUM, Label.REPEATED, ".test.Colour"),
          field("child", 43, Type.MESSAGE, Label.OPTIONAL, ".test.All"),
          field("children", 44, Type.MESSAGE, Label.REPEATED, ".test.All"),
          field("part", 45, Type.GROUP, Label.OPTIONAL, ".test.All"),
          field("parts", 46, Type.GROUP, Label.REPEATED, ".test.All"),
        ],
      }),
    ],
  }),
  () => undefined,
).getMessage("test.All") as DescMessage;

const INFINITE = { maxMessageFields: Number.POSITIVE_INFINITY, maxUnknownFields: Number.POSITIVE_INFINITY };
const counterOf = (desc: DescMessage, limits: Http2Options): FieldCounter =>
  new FieldCounter(desc, http2Limits({ ...INFINITE, ...limits }));

/** The tags that protobuf-es reads, and whether it takes the message. */
function readByProtobufEs(
  desc: DescMessage,
  bytes: Uint8Array,
  recursionLimit: number,
): { tags: number; isTaken: boolean } {
  const spy = vi.spyOn(BinaryReader.prototype, "tag");
  const tagsRead = () => spy.mock.results.filter(({ type }) => type === "return").length;
  try {
    fromBinary(desc, bytes, { recursionLimit });
    return { tags: tagsRead(), isTaken: true };
  } catch {
    return { tags: tagsRead(), isTaken: false };
  } finally {
    spy.mockRestore();
  }
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
}

const tag = (number: number, wireType: number) => varint(((number << 3) | wireType) >>> 0);

/** Fields of any number and any wire type, mostly whole. */
const { fields } = fc.letrec<{ fields: number[]; one: number[]; value: number[] }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.array(fc.nat({ max: 255 }), { maxLength: 12 }),
    fc.constantFrom<number[]>([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], [0x80, 0], [0x80]),
    tie("fields"),
  ),
  one: fc
    .tuple(fc.oneof(fc.integer({ min: 1, max: 48 }), fc.constant(536_870_911)), fc.nat({ max: 5 }), tie("value"))
    .map(([number, wireType, value]) => {
      switch (wireType) {
        case 1:
          return [...tag(number, 1), ...value.slice(0, 8)];
        case 2:
          return [...tag(number, 2), ...varint(value.length), ...value];
        case 3:
          return [...tag(number, 3), ...value, ...tag(number, 4)];
        default:
          return [...tag(number, wireType), ...value];
      }
    }),
  fields: fc.array(tie("one"), { maxLength: 6 }).map((parts) => parts.flat()),
}));

const repeat = (count: number, ...bytes: number[]): Uint8Array =>
  Uint8Array.from({ length: count * bytes.length }, (_, index) => bytes[index % bytes.length] as number);

describe("FieldCounter", () => {
  test.for([100, 3])("B3: counts the tags that protobuf-es reads, whatever the bytes, nested %d deep", (maxNesting) => {
    const counter = counterOf(All, { maxNesting });
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(fields, fc.array(fc.nat({ max: 255 }), { maxLength: 30 })), (list) => {
        const bytes = Uint8Array.from(list);
        const { tags, isTaken } = readByProtobufEs(All, bytes, maxNesting);
        if (isTaken) taken += 1;
        // What protobuf-es refuses for another reason, such as an illegal string, may be counted to its end.
        if (isTaken) expect(counter.count(bytes)).toBe(tags);
        else expect(counter.count(bytes)).toBeGreaterThanOrEqual(tags);
      }),
      { numRuns: 5000 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  it("counts an entry of a map as one field, and the messages in it", () => {
    const counter = counterOf(StructSchema, {});
    const struct = create(StructSchema, { fields: {} });
    for (let index = 0; index < 100; index += 1) {
      struct.fields[index] = { $typeName: "google.protobuf.Value", kind: { case: "boolValue", value: true } };
    }
    // The entry and the field of its value.
    expect(counter.count(toBinary(StructSchema, struct))).toBe(200);
    // An entry without key and value, one with two keys and an unknown field.
    expect(counter.count(Uint8Array.of(0x0a, 0))).toBe(1);
    expect(counter.count(Uint8Array.of(0x0a, 7, 0x0a, 1, 0x61, 0x0a, 1, 0x61, 0x18))).toBe(2);
  });

  const known = tag(44, 2);
  test.for<{ name: string; bytes: Uint8Array; limits: Http2Options; reason: string | undefined }>([
    {
      name: "fields at the limit",
      bytes: repeat(500, ...known, 0),
      limits: { maxMessageFields: 500 },
      reason: undefined,
    },
    {
      name: "one field more",
      bytes: repeat(501, ...known, 0),
      limits: { maxMessageFields: 500 },
      reason: "it has more than 500 fields; raise http2.maxMessageFields to accept it",
    },
    {
      name: "too many fields within a field",
      bytes: Uint8Array.from([...known, ...varint(1503), ...repeat(501, ...known, 0)]),
      limits: { maxMessageFields: 500 },
      reason: "it has more than 500 fields; raise http2.maxMessageFields to accept it",
    },
    {
      name: "unknown fields at the limit",
      bytes: repeat(500, 0x78, 0x78, ...known, 0),
      limits: { maxUnknownFields: 500 },
      reason: undefined,
    },
    {
      name: "one unknown field more",
      bytes: repeat(501, ...tag(100, 0), 1),
      limits: { maxUnknownFields: 500 },
      reason: "it has more than 500 fields that are not in its schema; raise http2.maxUnknownFields to accept it",
    },
    {
      name: "too many fields within an unknown group",
      bytes: Uint8Array.from([...tag(100, 3), ...repeat(500, ...tag(100, 0), 1), ...tag(100, 4)]),
      limits: { maxUnknownFields: 500 },
      reason: "it has more than 500 fields that are not in its schema; raise http2.maxUnknownFields to accept it",
    },
  ])("B3: judges $name", ({ bytes, limits, reason }) => {
    const check = () => counterOf(All, limits).check(bytes);
    if (reason === undefined) expect(check).not.toThrow();
    else expect(check).toThrow(reason);
  });
});
