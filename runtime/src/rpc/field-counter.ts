import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import type { LimitExceeded } from "../http2/types.js";

/** What a message may be made of: options of `Http2Limits`. */
export interface DecodeLimits {
  /** Depth of nested messages and unknown groups. */
  readonly maxNesting: number;
  /** Fields of a message and of those in it. */
  readonly maxMessageFields: number;
  /** The same for fields that its schema does not have. */
  readonly maxUnknownFields: number;
}

/** A message has more fields than it may have. */
export class FieldLimitError extends Error {
  override readonly name = "FieldLimitError";
  readonly limit: LimitExceeded["limit"];

  constructor(limit: "message_fields" | "unknown_fields", most: number) {
    const option = limit === "message_fields" ? "maxMessageFields" : "maxUnknownFields";
    const what = limit === "message_fields" ? "fields" : "fields that are not in its schema";
    super(`it has more than ${most} ${what}; raise http2.${option} to accept it`);
    this.limit = limit;
  }
}

/** How the value of a field stands in the bytes. */
const Shape = { VARINT: 0, FIXED32: 1, FIXED64: 2, BYTES: 3, MESSAGE: 4, GROUP: 5, MAP: 6 } as const;
type Shape = (typeof Shape)[keyof typeof Shape];

interface CountedField {
  readonly shape: Shape;
  readonly isList: boolean;
  /** Of a message, or of the messages in a map. */
  readonly message: DescMessage | undefined;
  /** Of the keys and values of a map. */
  readonly entry: readonly [key: CountedField, value: CountedField] | undefined;
}

type CountedFields = ReadonlyMap<number, CountedField>;

// The wire types of protobuf.
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const START_GROUP = 3;
const END_GROUP = 4;
const FIXED32 = 5;

const LONGEST_VARINT_BYTES = 10;
const NONE = new Uint8Array(0);

/**
 * Counts the fields of a message before protobuf-es makes an object of each, which costs a hundred times as much. It goes
 * the way that protobuf-es goes, also through what is wrong, or a message could be one thing to the counter and another
 * to the decoder. What is not decodable is left to protobuf-es to refuse. Not reentrant.
 */
export class FieldCounter {
  readonly #limits: DecodeLimits;
  readonly #desc: DescMessage;
  readonly #fieldsOf = new Map<DescMessage, CountedFields>();
  #bytes: Uint8Array = NONE;
  /** The length of the bytes, which is slow to ask them for. */
  #length = 0;
  #position = 0;
  #fields = 0;
  #unknown = 0;

  constructor(desc: DescMessage, limits: DecodeLimits) {
    this.#desc = desc;
    this.#limits = limits;
  }

  /** Throws a {@link FieldLimitError} when `bytes` hold too many fields. */
  check(bytes: Uint8Array): void {
    const { maxMessageFields, maxUnknownFields } = this.#limits;
    // A field takes a byte at least.
    if (bytes.length > maxMessageFields || bytes.length > maxUnknownFields) this.count(bytes);
  }

  /** The fields in `bytes`, up to what is not decodable. Throws like {@link check}. */
  count(bytes: Uint8Array): number {
    this.#fields = 0;
    this.#unknown = 0;
    this.#bytes = bytes;
    this.#length = bytes.length;
    this.#position = 0;
    try {
      this.#message(this.#desc, bytes.length, 0, 1);
      return this.#fields;
    } finally {
      this.#bytes = NONE;
    }
  }

  /** Each of these methods moves on, and returns whether protobuf-es would do so, too. */
  #message(desc: DescMessage, end: number, group: number, depth: number): boolean {
    if (depth > this.#limits.maxNesting) return false;
    const fields = this.#known(desc);
    while (this.#position < end) {
      const tag = this.#tag();
      if (tag < 0) return false;
      const number = tag >>> 3;
      const wireType = tag & 7;
      if (group > 0 && wireType === END_GROUP) return number === group;
      const field = fields.get(number);
      const isSound =
        field === undefined ? this.#skip(wireType, number, depth) : this.#field(field, wireType, number, depth);
      if (!isSound) return false;
    }
    return group === 0;
  }

  #field(field: CountedField, wireType: number, number: number, depth: number): boolean {
    const isPacked = field.isList && wireType === BYTES && field.shape < Shape.BYTES;
    if (!isPacked) return this.#value(field, number, depth);
    const byteCount = this.#varint32();
    if (byteCount < 0) return false;
    for (const end = this.#position + byteCount; this.#position < end; ) {
      if (!this.#value(field, number, depth)) return false;
    }
    return true;
  }

  #value(field: CountedField, number: number, depth: number): boolean {
    switch (field.shape) {
      case Shape.VARINT:
        return this.#passVarint(LONGEST_VARINT_BYTES);
      case Shape.FIXED32:
        return this.#pass(4);
      case Shape.FIXED64:
        return this.#pass(8);
      case Shape.BYTES:
        return this.#pass(this.#varint32());
      case Shape.GROUP:
        return this.#message(field.message as DescMessage, this.#length, number, depth + 1);
      case Shape.MESSAGE: {
        const byteCount = this.#varint32();
        if (byteCount < 0) return false;
        return this.#message(field.message as DescMessage, this.#position + byteCount, 0, depth + 1);
      }
      case Shape.MAP:
        return this.#entry(field, depth);
      default:
        return field.shape satisfies never;
    }
  }

  /** Protobuf-es takes the tags of an entry for those of its key and its value, and passes over all others. */
  #entry({ entry }: CountedField, depth: number): boolean {
    const byteCount = this.#varint32();
    if (byteCount < 0) return false;
    // An entry is one field: its key and its value are no objects.
    this.#fields -= 2;
    let tags = 0;
    for (const end = this.#position + byteCount; this.#position < end; tags += 1) {
      const tag = this.#tag();
      if (tag < 0) return false;
      const number = tag >>> 3;
      const part = number === 1 || number === 2 ? entry?.[number - 1] : undefined;
      if (part !== undefined && !this.#value(part, 2, depth)) return false;
    }
    this.#fields += Math.max(0, 2 - tags);
    return true;
  }

  /** An unknown field; what is inside of a group counts as well. */
  #skip(wireType: number, number: number, depth: number): boolean {
    this.#unknown += 1;
    const { maxUnknownFields, maxNesting } = this.#limits;
    if (this.#unknown > maxUnknownFields) throw new FieldLimitError("unknown_fields", maxUnknownFields);
    switch (wireType) {
      case VARINT:
        return this.#passVarint(Number.POSITIVE_INFINITY);
      case FIXED64:
        return this.#pass(8);
      case FIXED32:
        return this.#pass(4);
      case BYTES:
        return this.#pass(this.#varint32());
      case START_GROUP:
        if (depth >= maxNesting) return false;
        for (;;) {
          const tag = this.#tag();
          if (tag < 0) return false;
          if ((tag & 7) === END_GROUP) return tag >>> 3 === number;
          if (!this.#skip(tag & 7, tag >>> 3, depth + 1)) return false;
        }
      default:
        return false;
    }
  }

  /** The next tag, counted; -1 when it is none. */
  #tag(): number {
    const start = this.#position;
    const tag = this.#varint32();
    if (tag < 8 || (tag & 7) > FIXED32) return -1;
    const byteCount = this.#position - start;
    if (byteCount > 5 || (byteCount === 5 && (this.#bytes[this.#position - 1] as number) > 0x0f)) return -1;
    this.#fields += 1;
    const { maxMessageFields } = this.#limits;
    if (this.#fields > maxMessageFields) throw new FieldLimitError("message_fields", maxMessageFields);
    return tag;
  }

  /** The lower 32 bits of a varint; -1 when it is cut short or too long. */
  #varint32(): number {
    const bytes = this.#bytes;
    const start = this.#position;
    if (start < this.#length) {
      const first = bytes[start] as number;
      // Most tags and lengths are of one byte.
      if (first < 0x80) {
        this.#position = start + 1;
        return first;
      }
    }
    if (!this.#passVarint(LONGEST_VARINT_BYTES)) return -1;
    let value = 0;
    for (let at = start, shift = 0; at < this.#position && shift < 32; at += 1, shift += 7) {
      value |= ((bytes[at] as number) & 0x7f) << shift;
    }
    return value >>> 0;
  }

  #passVarint(mostBytes: number): boolean {
    const bytes = this.#bytes;
    const length = this.#length;
    const start = this.#position;
    let at = start;
    // Reading beyond the end is slow for the engine, also later.
    while (at < length && (bytes[at] as number) >= 0x80) at += 1;
    this.#position = at + 1;
    return at < length && at - start < mostBytes;
  }

  #pass(byteCount: number): boolean {
    this.#position += byteCount;
    return byteCount >= 0 && this.#position <= this.#length;
  }

  #known(desc: DescMessage): CountedFields {
    let fields = this.#fieldsOf.get(desc);
    if (fields === undefined) {
      fields = new Map(desc.fields.map((field) => [field.number, countedField(field)]));
      this.#fieldsOf.set(desc, fields);
    }
    return fields;
  }
}

function countedField(field: DescField): CountedField {
  if (field.fieldKind !== "map") return counted(shapeOf(field), field.fieldKind === "list", field.message);
  const key = counted(scalarShape(field.mapKey), false);
  const value = counted(
    field.message === undefined ? scalarShape(field.scalar ?? ScalarType.INT32) : Shape.MESSAGE,
    false,
    field.message,
  );
  return { ...counted(Shape.MAP, false), entry: [key, value] };
}

function counted(shape: Shape, isList: boolean, message?: DescMessage): CountedField {
  return { shape, isList, message, entry: undefined };
}

function shapeOf(field: Exclude<DescField, { fieldKind: "map" }>): Shape {
  if (field.message === undefined) return scalarShape(field.scalar ?? ScalarType.INT32);
  return field.delimitedEncoding ? Shape.GROUP : Shape.MESSAGE;
}

function scalarShape(type: ScalarType): Shape {
  switch (type) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return Shape.BYTES;
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
    case ScalarType.FLOAT:
      return Shape.FIXED32;
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
    case ScalarType.DOUBLE:
      return Shape.FIXED64;
    default:
      return Shape.VARINT;
  }
}
