import {
  type DecodedBlock,
  HeaderDecoder,
  HeaderEncoder,
  type HeaderTemplate,
  OutputBuffer,
} from "@meshwright/runtime/wire";
import { flat, type HeaderList } from "./fields.js";

// Some stories have lists that no server would take.
const LIMITS = { maxHeaderListBytes: 1 << 20, hardHeaderListBytes: 1 << 20, maxFieldCount: 4096 };
// Of our encoder, whose default is smaller than what some decoders here allow.
const LARGEST_TABLE_BYTES = 65_536;

/** Decodes the blocks of one story with our decoder. */
export function decodeStory(
  blocks: readonly Buffer[],
  tableBytes: number,
): { readonly kind: DecodedBlock; readonly fields: readonly string[] }[] {
  const decoder = new HeaderDecoder(tableBytes, LIMITS);
  return blocks.map((block) => {
    const kind = decoder.decode(block, 0, block.length);
    return { kind, fields: decoder.fields };
  });
}

/**
 * Encodes one story with our encoder, as a connection does: of each list, the pseudo headers are a template, which goes
 * into the table; so are every other list's other fields, which are extra fields else.
 */
export function encodeStory(lists: readonly HeaderList[], tableBytes: number): Buffer[] {
  const encoder = new HeaderEncoder(LARGEST_TABLE_BYTES);
  encoder.setMaxTableBytes(tableBytes);
  // A template that comes again is the same object: then its block may come out of the encoder's cache.
  const templates = new Map<string, HeaderTemplate>();
  const templateOf = (fields: readonly string[]): HeaderTemplate => {
    const key = fields.join("\n");
    const template = templates.get(key) ?? { fields };
    templates.set(key, template);
    return template;
  };
  return lists.map(({ fields, tables = [] }, index) => {
    for (const next of tables) encoder.setMaxTableBytes(next);
    const pseudoCount = fields.findIndex(({ name }) => !name.startsWith(":"));
    const split = index % 2 === 0 || pseudoCount < 0 ? fields.length : pseudoCount;
    const template = templateOf(flat(fields.slice(0, split)));
    const extra = split === fields.length ? undefined : flat(fields.slice(split));
    const output = new OutputBuffer();
    output.reserve(encoder.bound(template, extra));
    const start = output.position;
    const byteCount = encoder.encode(output, template, extra);
    return Buffer.from(output.slab.subarray(start, start + byteCount));
  });
}
