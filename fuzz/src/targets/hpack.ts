import { HeaderDecoder, HeaderEncoder, OutputBuffer } from "@meshwright/runtime/wire";
import type { Note, Target } from "../engine/target.js";
import { check, InputReader } from "../input-reader.js";
import { HPACK_SEEDS, HPACK_WORDS } from "./hpack-seeds.js";

const TABLE_BYTES = [4096, 0, 64, 256];
const ROUND_TRIP_TABLE_BYTES = [4096, 0, 100, 65_536];
const FIELD_OVERHEAD_BYTES = 32;
const STATIC_COUNT = 61;
const OUTCOMES = ["ok", "malformed", "too_large", "too_many", "excessive", "error"];
const LIMITS = [
  { maxHeaderListBytes: 16_384, hardHeaderListBytes: 65_536, maxFieldCount: 128 },
  { maxHeaderListBytes: 256, hardHeaderListBytes: 1024, maxFieldCount: 8 },
];
const NO_LIMITS = { maxHeaderListBytes: 1e9, hardHeaderListBytes: 1e9, maxFieldCount: 1e9 };

const input = new InputReader();
const probe = Buffer.alloc(8);
// Kept over executions, for its size; every execution writes it from the start.
const output = new OutputBuffer();
output.reserve(65_536);

/**
 * HPACK: blocks that share a table. Input: a byte that picks table and limits, then blocks, each a length byte and as
 * many bytes.
 *
 * No list goes over its limits, the table not over its size; and what was decoded comes out again when it is encoded
 * and decoded, both as a template, with its table, and as fields of one call.
 */
export const target: Target = {
  name: "hpack",
  maxInputBytes: 384,
  covers: ["/runtime/dist/http2/hpack/"],
  dictionary: HPACK_WORDS,
  seeds: HPACK_SEEDS,
  split(bytes, length, ends) {
    let count = 0;
    for (let at = 1; at < length && count < ends.length; ) {
      at = Math.min(length, at + 1 + (bytes[at] as number));
      ends[count++] = at;
    }
    return count;
  },
  run(bytes: Buffer, length: number, note: Note): void {
    input.reset(bytes, length);
    const choice = input.byte();
    const tableBytes = TABLE_BYTES[choice & 3] as number;
    const limits = LIMITS[(choice >>> 2) & 1] as (typeof LIMITS)[number];
    const roundTrip = new RoundTrip(ROUND_TRIP_TABLE_BYTES[(choice >>> 3) & 3] as number);
    const decoder = new HeaderDecoder(tableBytes, limits);
    let previous = 0;
    while (input.remaining > 0) {
      const byteCount = input.byte();
      const start = input.position;
      const outcome = decoder.decode(bytes, start, start + input.skip(byteCount));
      checkList(decoder.fields, outcome, limits);
      const fieldCount = Math.min(15, decoder.fields.length >> 1);
      note((OUTCOMES.indexOf(outcome) << 7) | (previous << 4) | fieldCount);
      previous = OUTCOMES.indexOf(outcome);
      if (outcome === "error" || outcome === "excessive") return;
      if (outcome === "ok") roundTrip.run(decoder.fields, (choice & 0x20) !== 0);
    }
    if ((choice & 0xc0) === 0) checkTable(decoder, tableBytes);
  },
};

function checkList(fields: readonly string[], outcome: string, limits: (typeof LIMITS)[number]): void {
  check(OUTCOMES.includes(outcome), `decode returned ${outcome}`);
  check(fields.length % 2 === 0, "a name without a value");
  if (outcome !== "ok") check(fields.length === 0, `${outcome}, and yet there are fields`);
  let listBytes = 0;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    const value = fields[index + 1] as string;
    listBytes += name.length + value.length + FIELD_OVERHEAD_BYTES;
    check(isLegalName(name), "an illegal name is ok");
    check(isLegalValue(value), "an illegal value is ok");
  }
  check(listBytes <= limits.maxHeaderListBytes, "the list is over its limit");
  check(fields.length <= 2 * limits.maxFieldCount, "the list has too many fields");
}

/** RFC 9113 section 8.2.1, and RFC 9110 section 5.1: a token without capitals. */
function isLegalName(name: string): boolean {
  let start = 0;
  if (name.charCodeAt(0) === 0x3a) start = 1;
  if (name.length === start) return false;
  for (let index = start; index < name.length; index++) {
    const code = name.charCodeAt(index);
    const isLetterOrDigit = (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39);
    if (!isLetterOrDigit && !"!#$%&'*+-.^_`|~".includes(name[index] as string)) return false;
  }
  return true;
}

function isLegalValue(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (code === 0 || code === 0x0a || code === 0x0d) return false;
    if ((code === 0x20 || code === 0x09) && (index === 0 || index === value.length - 1)) return false;
  }
  return true;
}

/** Asks for one entry of the table after the other, until there is none: together they must fit. */
function checkTable(decoder: HeaderDecoder, tableBytes: number): void {
  let sum = 0;
  for (let position = 0; ; position++) {
    const index = STATIC_COUNT + 1 + position;
    let end = 1;
    if (index < 0x7f) {
      probe[0] = 0x80 | index;
    } else {
      probe[0] = 0xff;
      let rest = index - 0x7f;
      for (; rest >= 0x80; rest >>>= 7) probe[end++] = (rest & 0x7f) | 0x80;
      probe[end++] = rest;
    }
    const outcome = decoder.decode(probe, 0, end);
    if (outcome === "error") return;
    // Entries that are too large or illegal for a list have a size as well, but it is not told.
    const [name = "", value = ""] = decoder.fields;
    sum += name.length + value.length + FIELD_OVERHEAD_BYTES;
    check(sum <= tableBytes, "the table is over its size");
  }
}

/** Our encoder and a second decoder, in step over the blocks of one execution. */
class RoundTrip {
  readonly #encoder = new HeaderEncoder();
  readonly #decoder: HeaderDecoder;

  constructor(tableBytes: number) {
    this.#encoder.setMaxTableBytes(tableBytes);
    this.#decoder = new HeaderDecoder(Math.min(tableBytes, 4096), NO_LIMITS);
  }

  run(decoded: readonly string[], asExtra: boolean): void {
    const fields = decoded.slice();
    output.position = 0;
    const template = asExtra ? { fields: [] } : { fields };
    const extra = asExtra ? fields : undefined;
    const bound = this.#encoder.bound(template, extra);
    const byteCount = this.#encoder.encode(output, template, extra);
    check(byteCount <= bound, "the block is larger than its bound");
    check(byteCount === output.position, "the block's length is wrong");
    const outcome = this.#decoder.decode(output.slab, 0, byteCount);
    check(outcome === "ok", `our own block is ${outcome}`);
    const again = this.#decoder.fields;
    check(again.length === fields.length, "a field was lost or added on the round trip");
    for (let index = 0; index < fields.length; index++) {
      check(again[index] === fields[index], "a field changed on the round trip");
    }
    if (asExtra) return;
    // A second time: now from the encoder's memory of the template.
    output.position = 0;
    const cachedBytes = this.#encoder.encode(output, template, undefined);
    check(this.#decoder.decode(output.slab, 0, cachedBytes) === "ok", "the remembered block can't be decoded");
    check(this.#decoder.fields.join("\n") === fields.join("\n"), "the remembered block says something else");
  }
}
