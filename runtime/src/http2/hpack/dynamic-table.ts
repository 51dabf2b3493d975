import { FIELD_OVERHEAD_BYTES } from "./static-table.js";

/** The dynamic table of RFC 7541 section 2.3.2, as a ring. Position 0 is the newest entry. */
export class DynamicTable {
  #names: string[] = [];
  #values: string[] = [];
  #isLegal: boolean[] = [];
  /** Ring capacity minus one; the capacity is a power of two. */
  #mask = -1;
  #newest = 0;
  #count = 0;
  #byteCount = 0;
  #maxBytes: number;
  #version = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Entries in the table. */
  get count(): number {
    return this.#count;
  }

  /** Changes whenever an entry comes or goes: positions found at one version hold at that version only. */
  get version(): number {
    return this.#version;
  }

  /** Room that is left before an entry must go. */
  get freeBytes(): number {
    return this.#maxBytes - this.#byteCount;
  }

  nameAt(position: number): string {
    return this.#names[(this.#newest - position) & this.#mask] as string;
  }

  valueAt(position: number): string {
    return this.#values[(this.#newest - position) & this.#mask] as string;
  }

  /** Whether the field obeys RFC 9113 section 8.2.1, as `add` was told. */
  isLegalAt(position: number): boolean {
    return this.#isLegal[(this.#newest - position) & this.#mask] as boolean;
  }

  /** Adds an entry and evicts the oldest as needed. An entry larger than the table empties it (RFC 7541 section 4.4). */
  add(name: string, value: string, isLegal: boolean): void {
    const byteCount = name.length + value.length + FIELD_OVERHEAD_BYTES;
    this.#version++;
    this.#evictTo(this.#maxBytes - byteCount);
    if (byteCount > this.#maxBytes) return;
    if (this.#count > this.#mask) this.#grow();
    this.#newest = (this.#newest + 1) & this.#mask;
    this.#names[this.#newest] = name;
    this.#values[this.#newest] = value;
    this.#isLegal[this.#newest] = isLegal;
    this.#count++;
    this.#byteCount += byteCount;
  }

  /** Changes the size limit and evicts what no longer fits. */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#version++;
    this.#evictTo(maxBytes);
  }

  /** The position of the field, or -1. */
  findField(name: string, value: string): number {
    for (let position = 0; position < this.#count; position++) {
      if (this.valueAt(position) === value && this.nameAt(position) === name) return position;
    }
    return -1;
  }

  /** The position of the newest field called `name`, or -1. */
  findName(name: string): number {
    for (let position = 0; position < this.#count; position++) {
      if (this.nameAt(position) === name) return position;
    }
    return -1;
  }

  #evictTo(byteCount: number): void {
    while (this.#count > 0 && this.#byteCount > byteCount) {
      const oldest = (this.#newest - this.#count + 1) & this.#mask;
      this.#byteCount -= (this.#names[oldest] as string).length + (this.#values[oldest] as string).length;
      this.#byteCount -= FIELD_OVERHEAD_BYTES;
      this.#names[oldest] = "";
      this.#values[oldest] = "";
      this.#count--;
    }
  }

  #grow(): void {
    const capacity = Math.max(16, (this.#mask + 1) * 2);
    const names: string[] = new Array(capacity).fill("");
    const values: string[] = new Array(capacity).fill("");
    const isLegal: boolean[] = new Array(capacity).fill(true);
    for (let position = 0; position < this.#count; position++) {
      const slot = this.#count - 1 - position;
      names[slot] = this.nameAt(position);
      values[slot] = this.valueAt(position);
      isLegal[slot] = this.isLegalAt(position);
    }
    this.#names = names;
    this.#values = values;
    this.#isLegal = isLegal;
    this.#newest = (this.#count - 1) & (capacity - 1);
    this.#mask = capacity - 1;
  }
}
