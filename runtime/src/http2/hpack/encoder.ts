import type { OutputBuffer } from "../output-buffer.js";
import type { HeaderFields, HeaderTemplate } from "../types.js";
import { DynamicTable } from "./dynamic-table.js";
import { huffmanByteCount, writeHuffman } from "./huffman.js";
import { writeInteger } from "./integer.js";
import { STATIC_COUNT, staticFieldIndex, staticNameIndex } from "./static-table.js";

/** SETTINGS_HEADER_TABLE_SIZE of a peer that has not said anything yet (RFC 9113 section 6.5.2). */
const INITIAL_TABLE_BYTES = 4096;

// RFC 7541 section 6: the bits that tell the representations apart.
const INDEXED = 0x80;
const WITH_INDEXING = 0x40;
const SIZE_UPDATE = 0x20;
const NEVER_INDEXED = 0x10;
const WITHOUT_INDEXING = 0x00;
const IS_HUFFMAN = 0x80;
const QUESTION_MARK = 0x3f;

// Below this, Huffman saves a few bytes and costs more time than they do.
const HUFFMAN_MIN_CHARACTERS = 24;
// Room for the prefix and the integers of one field, beside its strings.
const FIELD_OVERHEAD = 24;

// Templates are few and live long. A caller who makes them anew each time must not make this grow.
const MAX_CACHED_BLOCKS = 256;

const SENSITIVE: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization", "set-cookie"]);

interface CachedBlock {
  readonly bytes: Uint8Array;
  readonly version: number;
}

/**
 * Encodes header blocks (RFC 7541). Fields of templates go into the dynamic table as long as there is room, never at
 * the cost of an older entry: so the table comes to rest, and the block of a template becomes a constant that is copied.
 */
export class HeaderEncoder {
  readonly #table: DynamicTable;
  readonly #largestTableBytes: number;
  readonly #blocks = new Map<HeaderTemplate, CachedBlock>();
  #tableBytes: number;
  // Size updates that the next block must begin with: the smallest since the last block, and the present one.
  #smallestUpdate: number | undefined;

  /** The table is never larger than `largestTableBytes`, or it would be the peer who decides on our memory. */
  constructor(largestTableBytes: number = INITIAL_TABLE_BYTES) {
    this.#largestTableBytes = largestTableBytes;
    this.#tableBytes = INITIAL_TABLE_BYTES;
    this.#table = new DynamicTable(INITIAL_TABLE_BYTES);
    this.setMaxTableBytes(INITIAL_TABLE_BYTES);
  }

  /** The peer changed SETTINGS_HEADER_TABLE_SIZE. */
  setMaxTableBytes(peerBytes: number): void {
    const tableBytes = Math.min(peerBytes, this.#largestTableBytes);
    if (tableBytes === this.#tableBytes) return;
    this.#smallestUpdate = Math.min(this.#smallestUpdate ?? tableBytes, tableBytes);
    this.#tableBytes = tableBytes;
    this.#table.resize(tableBytes);
  }

  /** Bytes that the block of `template` and `extra` takes at the most. */
  bound(template: HeaderTemplate, extra: HeaderFields | undefined): number {
    const cached = this.#blocks.get(template);
    const isFresh = cached !== undefined && cached.version === this.#table.version;
    const byteCount = !isFresh ? blockBound(template.fields) : cached.bytes.length + FIELD_OVERHEAD;
    return extra === undefined ? byteCount : byteCount + blockBound(extra);
  }

  /** Writes the block to `output`, which has room for {@link bound} bytes; returns its length. Encode in sending order. */
  encode(output: OutputBuffer, template: HeaderTemplate, extra: HeaderFields | undefined): number {
    const cached = this.#blocks.get(template);
    if (cached !== undefined && cached.version === this.#table.version && this.#smallestUpdate === undefined) {
      const { bytes } = cached;
      output.slab.set(bytes, output.position);
      output.position += bytes.length;
      return extra === undefined ? bytes.length : bytes.length + this.#encodeExtra(output, extra);
    }
    const start = output.position;
    this.#writeSizeUpdates(output);
    const afterUpdates = output.position;
    const { version } = this.#table;
    for (let index = 0; index < template.fields.length; index += 2) {
      this.#writeTemplateField(output, template.fields[index] as string, template.fields[index + 1] as string);
    }
    if (this.#table.version === version) {
      if (this.#blocks.size >= MAX_CACHED_BLOCKS) this.#blocks.clear();
      this.#blocks.set(template, {
        bytes: new Uint8Array(output.slab.subarray(afterUpdates, output.position)),
        version,
      });
    }
    const byteCount = output.position - start;
    return extra === undefined ? byteCount : byteCount + this.#encodeExtra(output, extra);
  }

  #encodeExtra(output: OutputBuffer, fields: HeaderFields): number {
    const start = output.position;
    for (let index = 0; index < fields.length; index += 2) {
      const name = fields[index] as string;
      const value = fields[index + 1] as string;
      const kind = SENSITIVE.has(name) ? NEVER_INDEXED : WITHOUT_INDEXING;
      this.#writeLiteral(output, kind, 4, name, staticNameIndex(name), value);
    }
    return output.position - start;
  }

  #writeSizeUpdates(output: OutputBuffer): void {
    const smallest = this.#smallestUpdate;
    if (smallest === undefined) return;
    this.#smallestUpdate = undefined;
    if (smallest < this.#tableBytes) {
      output.position = writeInteger(output.slab, output.position, SIZE_UPDATE, 5, smallest);
    }
    output.position = writeInteger(output.slab, output.position, SIZE_UPDATE, 5, this.#tableBytes);
  }

  #writeTemplateField(output: OutputBuffer, name: string, value: string): void {
    const staticIndex = staticFieldIndex(name, value);
    if (staticIndex > 0) {
      output.position = writeInteger(output.slab, output.position, INDEXED, 7, staticIndex);
      return;
    }
    if (SENSITIVE.has(name)) {
      this.#writeLiteral(output, NEVER_INDEXED, 4, name, staticNameIndex(name), value);
      return;
    }
    const position = this.#table.findField(name, value);
    if (position >= 0) {
      output.position = writeInteger(output.slab, output.position, INDEXED, 7, STATIC_COUNT + 1 + position);
      return;
    }
    let nameIndex = staticNameIndex(name);
    if (nameIndex === 0) {
      const namePosition = this.#table.findName(name);
      if (namePosition >= 0) nameIndex = STATIC_COUNT + 1 + namePosition;
    }
    if (name.length + value.length + 32 > this.#table.freeBytes) {
      this.#writeLiteral(output, WITHOUT_INDEXING, 4, name, nameIndex, value);
      return;
    }
    this.#writeLiteral(output, WITH_INDEXING, 6, name, nameIndex, value);
    this.#table.add(name, value, true);
  }

  #writeLiteral(
    output: OutputBuffer,
    pattern: number,
    prefixBits: number,
    name: string,
    nameIndex: number,
    value: string,
  ): void {
    output.position = writeInteger(output.slab, output.position, pattern, prefixBits, nameIndex);
    if (nameIndex === 0) writeString(output, name);
    writeString(output, value);
  }
}

function blockBound(fields: HeaderFields): number {
  let byteCount = FIELD_OVERHEAD;
  for (const text of fields) byteCount += text.length + FIELD_OVERHEAD;
  return byteCount;
}

function writeString(output: OutputBuffer, text: string): void {
  const { slab } = output;
  if (text.length >= HUFFMAN_MIN_CHARACTERS) {
    const byteCount = huffmanByteCount(text);
    if (byteCount < text.length) {
      output.position = writeHuffman(slab, writeInteger(slab, output.position, IS_HUFFMAN, 7, byteCount), text);
      return;
    }
  }
  let position = writeInteger(slab, output.position, 0, 7, text.length);
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    // Cut to its low byte, a character such as U+010A would become a line feed.
    slab[position++] = code > 0xff ? QUESTION_MARK : code;
  }
  output.position = position;
}
