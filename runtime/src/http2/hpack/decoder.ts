import { DynamicTable } from "./dynamic-table.js";
import { HuffmanReader } from "./huffman.js";
import { IntegerReader } from "./integer.js";
import { FIELD_OVERHEAD_BYTES, STATIC_COUNT, STATIC_NAMES, STATIC_VALUES } from "./static-table.js";

/** Bounds of one header list. */
export interface HeaderListLimits {
  /** SETTINGS_MAX_HEADER_LIST_SIZE: a larger list is decoded, for the table's sake, but not delivered. */
  readonly maxHeaderListBytes: number;
  /** A list that grows beyond this is not worth the work: it is given up. */
  readonly hardHeaderListBytes: number;
  /** Fields of one list; a longer one is not delivered. */
  readonly maxFieldCount: number;
}

/**
 * What became of one block. `too_large` and `too_many` are above a limit for lists that are delivered; `excessive` was
 * given up, and `error` is one: both leave the table unusable, so the connection must end (RFC 7541 section 2.2).
 */
export type DecodedBlock = "ok" | "malformed" | "too_large" | "too_many" | "excessive" | "error";

/** Size updates at the start of a block: the smallest size since the last block, and the final one (section 4.2). */
const MAX_RESIZES = 2;

const LEGAL_NAME = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const ILLEGAL_VALUE = /[\0\r\n]|^[ \t]|[ \t]$/;

/** Decodes header blocks (RFC 7541). */
export class HeaderDecoder {
  /** The fields of the last block, flat: name, value. Empty unless it was "ok". */
  fields: string[] = [];
  readonly #limits: HeaderListLimits;
  readonly #table: DynamicTable;
  readonly #maxTableBytes: number;
  readonly #integers = new IntegerReader();
  readonly #huffman = new HuffmanReader();
  #text = "";
  #next = 0;
  #listBytes = 0;
  #fieldCount = 0;
  #isLegal = true;

  constructor(maxTableBytes: number, limits: HeaderListLimits) {
    this.#maxTableBytes = maxTableBytes;
    this.#table = new DynamicTable(maxTableBytes);
    this.#limits = limits;
  }

  /** Decodes the whole block in `bytes` from `start` to `end`. */
  decode(bytes: Buffer, start: number, end: number): DecodedBlock {
    const outcome = this.#decode(bytes, start, end);
    if (outcome !== "ok") this.fields = [];
    return outcome;
  }

  #decode(bytes: Buffer, start: number, end: number): DecodedBlock {
    this.fields = [];
    this.#listBytes = 0;
    this.#fieldCount = 0;
    this.#isLegal = true;
    this.#next = start;
    let resizes = 0;
    while (this.#next < end) {
      const first = bytes[this.#next] as number;
      if (first >= 0x80) {
        resizes = MAX_RESIZES;
        if (!this.#readIndexed(bytes, end)) return "error";
      } else if (first >= 0x40) {
        resizes = MAX_RESIZES;
        if (!this.#readLiteral(bytes, end, 6, true)) return "error";
      } else if (first >= 0x20) {
        resizes += 1;
        if (resizes > MAX_RESIZES || !this.#readResize(bytes, end)) return "error";
      } else {
        resizes = MAX_RESIZES;
        if (!this.#readLiteral(bytes, end, 4, false)) return "error";
      }
      if (this.#listBytes > this.#limits.hardHeaderListBytes) return "excessive";
    }
    if (this.#listBytes > this.#limits.maxHeaderListBytes || this.#fieldCount > this.#limits.maxFieldCount) {
      return this.#fieldCount > this.#limits.maxFieldCount ? "too_many" : "too_large";
    }
    return this.#isLegal ? "ok" : "malformed";
  }

  #readIndexed(bytes: Buffer, end: number): boolean {
    const index = this.#readInteger(bytes, end, 7);
    if (index <= 0) return false;
    if (index <= STATIC_COUNT) {
      this.#deliver(STATIC_NAMES[index] as string, STATIC_VALUES[index] as string, true);
      return true;
    }
    const position = index - STATIC_COUNT - 1;
    if (position >= this.#table.count) return false;
    this.#deliver(this.#table.nameAt(position), this.#table.valueAt(position), this.#table.isLegalAt(position));
    return true;
  }

  #readLiteral(bytes: Buffer, end: number, prefixBits: number, isIndexed: boolean): boolean {
    const index = this.#readInteger(bytes, end, prefixBits);
    if (index < 0) return false;
    let name: string;
    let isLegal = true;
    if (index === 0) {
      if (!this.#readString(bytes, end)) return false;
      name = this.#text;
      isLegal = LEGAL_NAME.test(name);
    } else if (index <= STATIC_COUNT) {
      name = STATIC_NAMES[index] as string;
    } else {
      const position = index - STATIC_COUNT - 1;
      if (position >= this.#table.count) return false;
      name = this.#table.nameAt(position);
      isLegal = this.#table.isLegalAt(position) || LEGAL_NAME.test(name);
    }
    if (!this.#readString(bytes, end)) return false;
    const value = this.#text;
    if (isLegal && ILLEGAL_VALUE.test(value)) isLegal = false;
    if (isIndexed) this.#table.add(name, value, isLegal);
    this.#deliver(name, value, isLegal);
    return true;
  }

  /** RFC 7541 section 6.3: only at the start of a block, never above what we announced. */
  #readResize(bytes: Buffer, end: number): boolean {
    const size = this.#readInteger(bytes, end, 5);
    if (size < 0 || size > this.#maxTableBytes) return false;
    this.#table.resize(size);
    return true;
  }

  #deliver(name: string, value: string, isLegal: boolean): void {
    this.#listBytes += name.length + value.length + FIELD_OVERHEAD_BYTES;
    this.#fieldCount += 1;
    if (!isLegal) this.#isLegal = false;
    // Beyond the limit fields are decoded for the table only.
    if (this.#listBytes <= this.#limits.maxHeaderListBytes && this.#fieldCount <= this.#limits.maxFieldCount) {
      this.fields.push(name, value);
    }
  }

  #readInteger(bytes: Buffer, end: number, prefixBits: number): number {
    const value = this.#integers.read(bytes, this.#next, end, prefixBits);
    if (value >= 0) this.#next = this.#integers.next;
    return value;
  }

  #readString(bytes: Buffer, end: number): boolean {
    const isHuffman = this.#next < end && (bytes[this.#next] as number) >= 0x80;
    const byteCount = this.#readInteger(bytes, end, 7);
    if (byteCount < 0 || byteCount > end - this.#next) return false;
    const start = this.#next;
    this.#next = start + byteCount;
    if (isHuffman) {
      const text = this.#huffman.read(bytes, start, this.#next);
      if (text === undefined) return false;
      this.#text = text;
    } else {
      this.#text = byteCount === 0 ? "" : bytes.toString("latin1", start, this.#next);
    }
    return true;
  }
}
