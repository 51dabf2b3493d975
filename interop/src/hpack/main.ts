// npm run test:hpack: our HPACK against other encoders and decoders, over the public stories.
import { isDeepStrictEqual } from "node:util";
import { runScript } from "../script.js";
import { decodeStory, encodeStory } from "./codec.js";
import { encodedStories, fetchCorpus, rawStories } from "./corpus.js";
import { type Field, flat, type HeaderList, isLegalValue, requestLists } from "./fields.js";
import { nghttp2Decode, nghttp2Encode } from "./nghttp2-peer.js";
import { createPythonPeer, type EncodedList } from "./python-peer.js";

/** Blocks of the public stories that are of RFC 7541. One that is missing has not passed. */
const PUBLIC_BLOCKS = 36_990;
/** What decoders allow for their tables. */
const TABLES = [0, 256, 4096, 65_536] as const;
const DEFAULT_TABLE_BYTES = 4096;
const SHOWN_FAILURES = 5;

let passed = 0;
let failed = 0;

/** Counts what a direction did right, and shows the first that went wrong. */
class Direction {
  readonly #name: string;
  passed = 0;
  failed = 0;

  constructor(name: string) {
    this.#name = name;
  }

  check(where: string, actual: unknown, expected: unknown): void {
    if (isDeepStrictEqual(actual, expected)) {
      this.passed += 1;
      return;
    }
    this.failed += 1;
    if (this.failed > SHOWN_FAILURES) return;
    const text = (value: unknown): string => JSON.stringify(value)?.slice(0, 300) ?? "nothing";
    console.log(`hpack: ${this.#name}: ${where}: expected ${text(expected)}, got ${text(actual)}`);
  }

  end(): void {
    console.log(`hpack: ${this.#name}: ${this.passed} blocks passed, ${this.failed} failed`);
    passed += this.passed;
    failed += this.failed;
  }
}

/** What our decoder must make of a block: a value that RFC 9113 forbids is told, and its list is decoded all the same. */
function outcome(fields: readonly Field[]): object {
  const isLegal = fields.every(({ value }) => isLegalValue(value));
  return { kind: isLegal ? "ok" : "malformed", fields: flat(fields) };
}

function checkPublicStories(corpus: string): void {
  const direction = new Direction("public stories -> our decoder");
  for (const { name, cases } of encodedStories(corpus)) {
    const tableBytes = Math.max(DEFAULT_TABLE_BYTES, ...cases.map(({ tableBytes: bytes = 0 }) => bytes));
    const decoded = decodeStory(
      cases.map(({ wire }) => wire),
      tableBytes,
    );
    for (const [index, { fields }] of cases.entries()) {
      direction.check(`${name} block ${index}`, decoded[index], outcome(fields));
    }
  }
  const missing = PUBLIC_BLOCKS - direction.passed - direction.failed;
  if (missing !== 0) direction.check("the set", `${PUBLIC_BLOCKS - missing} blocks`, `${PUBLIC_BLOCKS} blocks`);
  direction.end();
}

type Encode = (stories: readonly (readonly HeaderList[])[], tableBytes: number) => Promise<Buffer[][]>;
type Decode = (stories: readonly (readonly EncodedList[])[], tableBytes: number) => Promise<string[][][]>;

async function checkTheirEncoder(
  name: string,
  stories: HeaderList[][],
  tableBytes: number,
  encode: Encode,
): Promise<void> {
  const direction = new Direction(`${name}, table of ${tableBytes} bytes -> our decoder`);
  const encoded = await encode(stories, tableBytes);
  for (const [number, lists] of stories.entries()) {
    const decoded = decodeStory(encoded[number] ?? [], tableBytes);
    for (const [index, { fields }] of lists.entries()) {
      direction.check(`story ${number} block ${index}`, decoded[index], { kind: "ok", fields: flat(fields) });
    }
  }
  direction.end();
}

async function checkTheirDecoder(
  name: string,
  stories: HeaderList[][],
  tableBytes: number,
  decode: Decode,
): Promise<void> {
  const direction = new Direction(`our encoder -> ${name}, table of ${tableBytes} bytes`);
  const encoded = stories.map((lists) => {
    const blocks = encodeStory(lists, tableBytes);
    return lists.map(({ fields: _fields, ...change }, index) => ({
      ...change,
      block: blocks[index] ?? Buffer.alloc(0),
    }));
  });
  const decoded = await decode(encoded, tableBytes);
  for (const [number, lists] of stories.entries()) {
    for (const [index, { fields }] of lists.entries()) {
      direction.check(`story ${number} block ${index}`, decoded[number]?.[index], flat(fields));
    }
  }
  direction.end();
}

/** A peer that works on one story at a time. What it refuses is missing from the results. */
async function inTurn<S, R>(stories: readonly S[], work: (story: S) => Promise<R[]>): Promise<R[][]> {
  const results: R[][] = [];
  for (const [number, story] of stories.entries()) {
    results.push(
      await work(story).catch((error: Error) => {
        console.log(`hpack: story ${number}: nghttp2 gave up: ${error.message}`);
        return [];
      }),
    );
  }
  return results;
}

await runScript(async () => {
  const corpus = await fetchCorpus();
  const python = await createPythonPeer();
  checkPublicStories(corpus);
  for (const tableBytes of TABLES) {
    // The table is halved and restored on the way; emptied and restored as well, before the encoder said a word.
    const changes = [[0, tableBytes], [tableBytes >> 1], [tableBytes]];
    const stories = rawStories(corpus).map((story) => requestLists(story, changes));
    await checkTheirEncoder("nghttp2", stories, tableBytes, (all, bytes) =>
      inTurn(all, (lists) => nghttp2Encode(lists, bytes)),
    );
    await checkTheirEncoder("Python hpack", stories, tableBytes, python.encode);
    await checkTheirDecoder("nghttp2", stories, tableBytes, (all, bytes) =>
      inTurn(all, (lists) => nghttp2Decode(lists, bytes)),
    );
    await checkTheirDecoder("Python hpack", stories, tableBytes, python.decode);
  }
  return { passed, failed };
});
