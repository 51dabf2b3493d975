import { LATE_BYTES, type MessageMemory } from "./message-memory.js";
import { FieldKind, type FieldPlan, type MessagePlan, varintBytes } from "./message-plan.js";

type Fields = Readonly<Record<string, unknown>>;

const NONE = Buffer.alloc(0);
const SMALL_BYTES = 1024;
const TWO_TO_32 = 0x1_0000_0000;

/** Encodes messages by their plan, in a pass for the sizes and one for the bytes. Not reentrant. */
export class MessageEncoder {
  readonly #plan: MessagePlan;
  /** Sizes of the messages inside, in the order in which they are written. */
  readonly #sizes: number[] = [];
  #nextSize = 0;
  #bytes: Buffer = NONE;
  #memory: MessageMemory | undefined;
  #position = 0;
  /** The part of a larger memory that a small message was written to last. */
  #view: Buffer = NONE;
  #viewed: Buffer = NONE;

  constructor(plan: MessagePlan) {
    this.#plan = plan;
  }

  /**
   * The bytes of a message, or of what {@link https://www.npmjs.com/package/@bufbuild/protobuf `create`} would make one
   * of, in `memory` where there is some. Undefined when there is something in it that the plan did not expect.
   */
  encode(message: object, memory?: MessageMemory): Uint8Array | undefined {
    if (this.#sizes.length > 0) this.#sizes.length = 0;
    this.#nextSize = 0;
    const byteCount = this.#sizeOf(this.#plan, message as Fields);
    if (Number.isNaN(byteCount)) return undefined;
    const bytes = memory === undefined ? Buffer.allocUnsafe(byteCount) : memory.take(byteCount);
    this.#bytes = bytes;
    this.#memory = memory;
    this.#position = 0;
    try {
      this.#write(this.#plan, message as Fields);
    } finally {
      // What was encoded last must not live until the next message.
      this.#bytes = NONE;
      this.#memory = undefined;
    }
    if (bytes.length === byteCount) return bytes;
    if (byteCount > SMALL_BYTES) return bytes.subarray(0, byteCount);
    // A stream's messages are often of one size, and a view costs as much as such a message.
    if (this.#view.length !== byteCount || this.#viewed !== bytes) {
      this.#view = bytes.subarray(0, byteCount);
      this.#viewed = bytes;
    }
    return this.#view;
  }

  /** NaN says that the plan did not expect this; it survives every sum. */
  #sizeOf(plan: MessagePlan, message: Fields): number {
    // Fields that a newer schema knows.
    if (message["$unknown"] !== undefined) return Number.NaN;
    let byteCount = 0;
    for (const field of plan.fields) {
      const value = message[field.name];
      if (value === undefined || value === null) continue;
      if (!field.isRepeated) byteCount += this.#fieldSize(field, value, field.isImplicit);
      else if (!Array.isArray(value)) return Number.NaN;
      else for (const item of value) byteCount += this.#fieldSize(field, item, false);
    }
    return byteCount;
  }

  #fieldSize(field: FieldPlan, value: unknown, skipZero: boolean): number {
    let payloadBytes: number;
    switch (field.kind) {
      case FieldKind.STRING:
        if (typeof value !== "string") return Number.NaN;
        if (skipZero && value === "") return 0;
        payloadBytes = Buffer.byteLength(value);
        return field.tagBytes + varintBytes(payloadBytes) + payloadBytes;
      case FieldKind.BYTES:
        if (!(value instanceof Uint8Array)) return Number.NaN;
        payloadBytes = value.length;
        if (skipZero && payloadBytes === 0) return 0;
        return field.tagBytes + varintBytes(payloadBytes) + payloadBytes;
      case FieldKind.BOOL:
        if (typeof value !== "boolean") return Number.NaN;
        return skipZero && !value ? 0 : field.tagBytes + 1;
      case FieldKind.MESSAGE: {
        if (typeof value !== "object" || value === null) return Number.NaN;
        const index = this.#sizes.push(0) - 1;
        payloadBytes = this.#sizeOf(field.message(), value as Fields);
        this.#sizes[index] = payloadBytes;
        return field.tagBytes + varintBytes(payloadBytes) + payloadBytes;
      }
      default: {
        const number = asVarint(field.kind, value);
        return skipZero && number === 0 ? 0 : field.tagBytes + varintBytes(number) + (number - number);
      }
    }
  }

  #write(plan: MessagePlan, message: Fields): void {
    for (const field of plan.fields) {
      const value = message[field.name];
      if (value === undefined || value === null) continue;
      if (field.isRepeated) for (const item of value as unknown[]) this.#writeField(field, item, false);
      else this.#writeField(field, value, field.isImplicit);
    }
  }

  #writeField(field: FieldPlan, value: unknown, skipZero: boolean): void {
    switch (field.kind) {
      case FieldKind.STRING: {
        const text = value as string;
        if (skipZero && text === "") return;
        this.#writeVarint(field.tag);
        const byteCount = Buffer.byteLength(text);
        this.#writeVarint(byteCount);
        // Text of one byte a character is most of all text, and cheaper to write as such.
        this.#position += this.#bytes.write(text, this.#position, byteCount === text.length ? "latin1" : "utf8");
        return;
      }
      case FieldKind.BYTES: {
        const bytes = value as Uint8Array;
        if (skipZero && bytes.length === 0) return;
        this.#writeVarint(field.tag);
        this.#writeVarint(bytes.length);
        if (bytes.length >= LATE_BYTES && this.#memory !== undefined) this.#memory.put(bytes, this.#position);
        else this.#bytes.set(bytes, this.#position);
        this.#position += bytes.length;
        return;
      }
      case FieldKind.BOOL:
        if (skipZero && value === false) return;
        this.#writeVarint(field.tag);
        this.#writeVarint(value === true ? 1 : 0);
        return;
      case FieldKind.MESSAGE:
        this.#writeVarint(field.tag);
        this.#writeVarint(this.#sizes[this.#nextSize++] as number);
        this.#write(field.message(), value as Fields);
        return;
      default: {
        const number = asVarint(field.kind, value);
        if (skipZero && number === 0) return;
        this.#writeVarint(field.tag);
        this.#writeVarint(number);
      }
    }
  }

  #writeVarint(value: number): void {
    const bytes = this.#bytes;
    let position = this.#position;
    let rest = value;
    while (rest >= TWO_TO_32) {
      bytes[position++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest >= 0x80) {
      bytes[position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[position++] = rest;
    this.#position = position;
  }
}

/** A whole number that is not negative, or NaN: negative ones, which take ten bytes, are left to protobuf-es. */
function asVarint(kind: number, value: unknown): number {
  if (kind === FieldKind.UINT64 || kind === FieldKind.INT64) {
    if (typeof value !== "bigint" || value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) return Number.NaN;
    return Number(value);
  }
  const limit = kind === FieldKind.UINT32 ? 0xffff_ffff : 0x7fff_ffff;
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= limit ? value : Number.NaN;
}
