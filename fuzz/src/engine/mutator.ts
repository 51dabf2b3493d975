import type { Random } from "./random.js";
import type { Target } from "./target.js";

const INTERESTING_8 = [0, 1, 0x1f, 0x3f, 0x40, 0x7f, 0x80, 0xff];
const INTERESTING_32 = [
  0, 1, 0xff, 0x100, 0x3fff, 0x4000, 0x4001, 0xffff, 0x10000, 0xff_ffff, 0x100_0000, 0x7fff_ffff, 0x8000_0000,
  0xffff_ffff,
];
const LARGEST_STEP = 16;
const MAX_PIECES = 1024;

/** What mutations may draw on. */
export interface MutationSource {
  readonly entries: readonly Uint8Array[];
}

/** Makes new inputs of old ones. */
export class Mutator {
  readonly #random: Random;
  readonly #target: Target;
  readonly #ends = new Uint32Array(MAX_PIECES);
  readonly #otherEnds = new Uint32Array(MAX_PIECES);
  readonly #scratch: Buffer;

  constructor(random: Random, target: Target) {
    this.#random = random;
    this.#target = target;
    this.#scratch = Buffer.alloc(target.maxInputBytes);
  }

  /** Writes a mutated entry of `source` to `slot`, which has `maxInputBytes`; returns its length. */
  mutate(slot: Buffer, source: MutationSource): number {
    const random = this.#random;
    const base = this.#pick(source);
    slot.set(base);
    let length = base.length;
    // Mostly one or two changes, now and then many.
    for (let rounds = 1 << random.below(random.below(4) === 0 ? 6 : 3); rounds > 0; rounds--) {
      length =
        this.#target.split !== undefined && random.below(2) === 0
          ? this.#mutatePieces(slot, length, source)
          : this.#mutateBytes(slot, length, source);
    }
    return length;
  }

  /** Younger entries are picked more often, for they have been tried least; and shorter ones, for they run faster. */
  #pick({ entries }: MutationSource): Uint8Array {
    const count = entries.length;
    const back = this.#random.below(3) === 0 ? Math.min(count, 16) : count;
    const one = entries[count - 1 - this.#random.below(back)] as Uint8Array;
    const other = entries[count - 1 - this.#random.below(back)] as Uint8Array;
    return one.length <= other.length ? one : other;
  }

  #mutateBytes(slot: Buffer, length: number, source: MutationSource): number {
    const random = this.#random;
    const at = random.below(length);
    if (length === 0) return this.#insert(slot, 0, 0, this.#word());
    switch (random.below(14)) {
      case 0:
        slot[at] = (slot[at] as number) ^ (1 << random.below(8));
        return length;
      case 1:
        slot[at] = random.next();
        return length;
      case 2:
        slot[at] = INTERESTING_8[random.below(INTERESTING_8.length)] as number;
        return length;
      case 3:
        slot[at] = (slot[at] as number) + random.below(2 * LARGEST_STEP + 1) - LARGEST_STEP;
        return length;
      case 4:
        return this.#addWide(slot, length, at);
      case 5:
        return this.#writeWide(slot, length, at, INTERESTING_32[random.below(INTERESTING_32.length)] as number);
      case 6:
        return remove(slot, length, at, 1 + random.below(Math.min(length - at, 1 + random.below(32))));
      case 7: {
        const bytes = this.#scratch.subarray(0, 1 + random.below(8));
        for (let index = 0; index < bytes.length; index++) bytes[index] = random.next();
        return this.#insert(slot, length, at, bytes);
      }
      case 8:
        return this.#insert(slot, length, random.below(length + 1), this.#range(slot, length));
      case 9:
        return this.#overwrite(slot, length, at, this.#range(slot, length));
      case 10:
        return this.#overwrite(slot, length, at, this.#word());
      case 11:
        return this.#insert(slot, length, random.below(length + 1), this.#word());
      case 12: {
        const other = this.#pick(source);
        return this.#insert(slot, length, at, this.#range(other, other.length));
      }
      default: {
        const other = this.#pick(source);
        const from = random.below(other.length);
        slot.set(other.subarray(from, from + slot.length - at), at);
        return at + Math.min(other.length - from, slot.length - at);
      }
    }
  }

  #mutatePieces(slot: Buffer, length: number, source: MutationSource): number {
    const random = this.#random;
    const count = this.#split(slot, length, this.#ends);
    if (count === 0) return this.#mutateBytes(slot, length, source);
    const piece = random.below(count);
    const start = piece === 0 ? 0 : (this.#ends[piece - 1] as number);
    const end = this.#ends[piece] as number;
    switch (random.below(6)) {
      case 0:
        return count > 1 ? remove(slot, length, start, end - start) : length;
      case 1:
        return this.#insert(slot, length, end, this.#copy(slot, start, end));
      case 2: {
        const to = random.below(count);
        const bytes = this.#copy(slot, start, end);
        const shorter = remove(slot, length, start, end - start);
        const at = to === 0 ? 0 : Math.min(shorter, this.#ends[to - 1] as number);
        return this.#insert(slot, shorter, at, bytes);
      }
      case 3:
        return this.#insert(slot, length, start, this.#word());
      case 4:
        return start + 1 < end
          ? this.#mutateOne(slot, length, start + random.below(end - start))
          : this.#mutateOne(slot, length, start);
      default: {
        const other = this.#pick(source);
        const otherCount = this.#split(other, other.length, this.#otherEnds);
        if (otherCount === 0) return length;
        const from = random.below(otherCount);
        const to = from + random.below(Math.min(otherCount - from, 4));
        const otherStart = from === 0 ? 0 : (this.#otherEnds[from - 1] as number);
        return this.#insert(slot, length, end, other.subarray(otherStart, this.#otherEnds[to] as number));
      }
    }
  }

  #mutateOne(slot: Buffer, length: number, at: number): number {
    slot[at] = this.#random.below(2) === 0 ? this.#random.next() : (slot[at] as number) ^ (1 << this.#random.below(8));
    return length;
  }

  #split(bytes: Uint8Array, length: number, ends: Uint32Array): number {
    return Math.min(this.#target.split?.(bytes, length, ends) ?? 0, ends.length);
  }

  #word(): Uint8Array {
    const { dictionary } = this.#target;
    if (dictionary.length === 0) return this.#scratch.subarray(0, 1);
    return dictionary[this.#random.below(dictionary.length)] as Uint8Array;
  }

  #range(bytes: Uint8Array, length: number): Uint8Array {
    const from = this.#random.below(length);
    return this.#copy(bytes, from, Math.min(length, from + 1 + this.#random.below(1 + this.#random.below(64))));
  }

  #copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
    this.#scratch.set(bytes.subarray(start, end));
    return this.#scratch.subarray(0, end - start);
  }

  #insert(slot: Buffer, length: number, at: number, bytes: Uint8Array): number {
    if (length + bytes.length > slot.length) return length;
    slot.copyWithin(at + bytes.length, at, length);
    slot.set(bytes, at);
    return length + bytes.length;
  }

  #overwrite(slot: Buffer, length: number, at: number, bytes: Uint8Array): number {
    if (at + bytes.length > slot.length) return length;
    slot.set(bytes, at);
    return Math.max(length, at + bytes.length);
  }

  #addWide(slot: Buffer, length: number, at: number): number {
    const step = this.#random.below(2 * LARGEST_STEP + 1) - LARGEST_STEP;
    if (at + 4 <= length) slot.writeUInt32BE((slot.readUInt32BE(at) + step) >>> 0, at);
    else if (at + 2 <= length) slot.writeUInt16BE((slot.readUInt16BE(at) + step) & 0xffff, at);
    return length;
  }

  #writeWide(slot: Buffer, length: number, at: number, value: number): number {
    if (at + 4 <= length && this.#random.below(2) === 0) slot.writeUInt32BE(value, at);
    else if (at + 2 <= length) slot.writeUInt16BE(value & 0xffff, at);
    return length;
  }
}

function remove(slot: Buffer, length: number, at: number, count: number): number {
  slot.copyWithin(at, at + count, length);
  return length - count;
}
