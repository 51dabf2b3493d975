import { FieldKind, type FieldPlan, type MessagePlan } from "./message-plan.js";

const NONE = new Uint8Array(0);
const lenient = new TextDecoder();
const strict = new TextDecoder("utf-8", { fatal: true });

/** Decodes messages by their plan. Not reentrant. */
export class MessageDecoder {
  readonly #plan: MessagePlan;
  readonly #maxNesting: number;
  #bytes: Uint8Array = NONE;
  #position = 0;
  #depth = 0;

  constructor(plan: MessagePlan, maxNesting: number) {
    this.#plan = plan;
    this.#maxNesting = maxNesting;
  }

  /** The message in `bytes`, or undefined when there is something in them that the plan did not expect. */
  decode(bytes: Uint8Array): object | undefined {
    this.#bytes = bytes;
    this.#position = 0;
    this.#depth = 0;
    try {
      return this.#read(this.#plan, bytes.length);
    } finally {
      // What was decoded last must not live until the next message.
      this.#bytes = NONE;
    }
  }

  #read(plan: MessagePlan, end: number): Record<string, unknown> | undefined {
    const message: Record<string, unknown> = { ...plan.zero };
    for (const name of plan.listNames) message[name] = [];
    while (this.#position < end) {
      const tag = this.#varint(end);
      const field = plan.byTag.get(tag);
      if (field === undefined) return undefined;
      const value = this.#value(field, end);
      if (value === undefined) return undefined;
      if (field.isRepeated) (message[field.name] as unknown[]).push(value);
      // A message that comes in parts is merged, which protobuf-es knows how to do.
      else if (field.kind === FieldKind.MESSAGE && message[field.name] !== undefined) return undefined;
      else message[field.name] = value;
    }
    return message;
  }

  #value(field: FieldPlan, end: number): unknown {
    const number = this.#varint(end);
    if (number < 0) return undefined;
    switch (field.kind) {
      case FieldKind.BOOL:
        return number !== 0;
      case FieldKind.UINT32:
        return number <= 0xffff_ffff ? number : undefined;
      case FieldKind.INT32:
        return number <= 0x7fff_ffff ? number : undefined;
      case FieldKind.UINT64:
      case FieldKind.INT64:
        return BigInt(number);
      default:
        break;
    }
    const start = this.#position;
    const valueEnd = start + number;
    if (valueEnd > end) return undefined;
    if (field.kind === FieldKind.MESSAGE) {
      this.#depth += 1;
      if (this.#depth >= this.#maxNesting) return undefined;
      const message = this.#read(field.message(), valueEnd);
      this.#depth -= 1;
      return this.#position === valueEnd ? message : undefined;
    }
    this.#position = valueEnd;
    return field.kind === FieldKind.BYTES
      ? this.#bytes.subarray(start, valueEnd)
      : this.#text(start, valueEnd, field.isStrictText);
  }

  #text(start: number, end: number, isStrict: boolean): string | undefined {
    const bytes = this.#bytes;
    let at = start;
    while (at < end && (bytes[at] as number) < 0x80) at += 1;
    if (at === end) return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
    try {
      return (isStrict ? strict : lenient).decode(bytes.subarray(start, end));
    } catch {
      // Protobuf-es says what is wrong.
      return undefined;
    }
  }

  /** -1 when it is cut short or not below 2^53. */
  #varint(end: number): number {
    const bytes = this.#bytes;
    let position = this.#position;
    let byte = position < end ? (bytes[position++] as number) : 0x80;
    let value = byte & 0x7f;
    for (let factor = 0x80; byte >= 0x80; factor *= 0x80) {
      if (position >= end || factor > 0x2_0000_0000_0000) return -1;
      byte = bytes[position++] as number;
      value += (byte & 0x7f) * factor;
    }
    this.#position = position;
    return value <= Number.MAX_SAFE_INTEGER ? value : -1;
  }
}
