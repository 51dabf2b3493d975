// npm run test:hpack: header blocks of foreign encoders in our decoder, and ours in foreign decoders.
import { HeaderDecoder, HeaderEncoder, OutputBuffer } from "@meshwright/runtime/wire";
import { runScript } from "../script.js";
import { asRequest, readByNode, readFromNode } from "./node-peer.js";
import { createPythonPeer } from "./python-peer.js";
import { encodedStories, type Fields, installStories, rawLists, type Story } from "./stories.js";

/** Blocks of the public stories that the package ships in HPACK's final form; fewer would mean that some are not read. */
const STORY_BLOCKS = 36_990;
const TABLE_BYTES = [0, 256, 4096, 65_536];
const LIMITS = { maxHeaderListBytes: 1 << 24, hardHeaderListBytes: 1 << 26, maxFieldCount: 10_000 };

class Tally {
  passed = 0;
  failed = 0;

  /** What our decoder made of a block. */
  checkBlock(what: string, decoder: HeaderDecoder, block: Buffer, expected: Fields): void {
    const outcome = decoder.decode(block, 0, block.length);
    // Some lists have fields that HTTP/2 forbids, and must be found out; HPACK itself carries anything.
    const wanted = expected.some((text, at) => at % 2 === 1 && /^[ \t]|[ \t]$/.test(text)) ? "malformed" : "ok";
    this.check(what, outcome === wanted ? decoder.fields : [outcome], expected);
  }

  check(what: string, found: Fields | undefined, expected: Fields): void {
    if (found !== undefined && isSame(found, expected)) {
      this.passed += 1;
      return;
    }
    this.failed += 1;
    if (this.failed <= 10) console.log(`  ${what}: ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
  }
}

function isSame(left: Fields, right: Fields): boolean {
  return left.length === right.length && left.every((text, index) => text === right[index]);
}

function decodeStory({ name, cases }: Story, tally: Tally): number {
  // A story may change the size of the table on its way: the decoder announced the largest from the beginning.
  const tableBytes = Math.max(4096, ...cases.map(({ tableBytes: bytes = 0 }) => bytes));
  const decoder = new HeaderDecoder(tableBytes, LIMITS);
  for (const [index, { wire = "", fields }] of cases.entries()) {
    tally.checkBlock(`${name} ${index}`, decoder, Buffer.from(wire, "hex"), fields);
  }
  return cases.length;
}

function encodeAll(lists: readonly Fields[], tableBytes: number): Buffer[] {
  const encoder = new HeaderEncoder(tableBytes);
  encoder.setMaxTableBytes(tableBytes);
  return lists.map((fields, index) => {
    const output = new OutputBuffer();
    // Every second list as the fields of one call, which leave the table alone.
    const template = { fields: index % 2 === 0 ? fields : [] };
    const extra = index % 2 === 0 ? undefined : fields;
    output.reserve(encoder.bound(template, extra));
    encoder.encode(output, template, extra);
    return Buffer.from(output.slab.subarray(0, output.position));
  });
}

await runScript(async () => {
  const tally = new Tally();
  const folder = await installStories();
  const python = await createPythonPeer();
  let blocks = 0;
  for (const story of encodedStories(folder)) blocks += decodeStory(story, tally);
  console.log(`hpack: ${blocks} blocks of ${STORY_BLOCKS} in public stories decoded`);
  if (blocks !== STORY_BLOCKS) tally.failed += 1;

  const lists = rawLists(folder);
  const requests = lists.map(asRequest);
  for (const tableBytes of TABLE_BYTES) {
    const table = `a table of ${tableBytes} bytes`;
    const decoder = new HeaderDecoder(Math.max(tableBytes, 4096), LIMITS);
    for (const [index, block] of (await python.encode(lists, tableBytes)).entries()) {
      tally.checkBlock(`of Python, ${table}, ${index}`, decoder, block, lists[index] ?? []);
    }
    for (const [index, fields] of (await python.decode(encodeAll(lists, tableBytes), tableBytes)).entries()) {
      tally.check(`in Python, ${table}, ${index}`, fields, lists[index] ?? []);
    }
    const byNode = await readByNode(requests, tableBytes);
    const fromNode = await readFromNode(requests, tableBytes);
    for (const [index, fields] of requests.entries()) {
      tally.check(`in node:http2, ${table}, ${index}`, byNode.get(`/${index}`), fields);
      tally.check(`of node:http2, ${table}, ${index}`, fromNode.get(`/${index}`), fields);
    }
    console.log(`hpack: ${table}: ${4 * lists.length} lists between us, Python's hpack and node:http2, both ways`);
  }
  return tally;
});
