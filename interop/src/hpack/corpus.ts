import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cachePath, runOrFail, ToolError } from "../workspace.js";
import type { Story } from "./fields.js";

// This npm package brings the stories of hpack-test-case for its own tests.
const PACKAGE = "hpack";
const VERSION = "1.0.0";
const INTEGRITY = "sha512-em/r9erFKtDnTxS+S2+tEUDn3uUM75DC+QnUkYyBEyfCKQAdDsPrEt1T5V0/knrcue1ukxU74/JaVMkJ7CdeNg==";

const RAW = "raw-data";

/**
 * Encoders whose stories are of RFC 7541. Those of hyper-hpack, node-http2-protocol and twitter-hpack in the package
 * are of drafts 8, 5 and 7: another static table, and a reference set.
 */
const ENCODERS = [
  "go-hpack",
  "haskell-http2-linear",
  "haskell-http2-linear-huffman",
  "haskell-http2-naive",
  "haskell-http2-naive-huffman",
  "haskell-http2-static",
  "haskell-http2-static-huffman",
  "nghttp2",
  "nghttp2-16384-4096",
  "nghttp2-change-table-size",
  "node-http2-hpack",
] as const;

/** Fetches the public stories, once; returns their folder. */
export async function fetchCorpus(): Promise<string> {
  const prefix = cachePath("hpack", `corpus-${VERSION}`);
  const lock = join(prefix, "node_modules", ".package-lock.json");
  if (!existsSync(lock)) {
    console.log("hpack: fetching the stories");
    mkdirSync(prefix, { recursive: true });
    const options = ["--no-save", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"];
    const advice = "npm comes with Node";
    await runOrFail(["npm", "install", "--prefix", prefix, ...options, `${PACKAGE}@${VERSION}`], { advice });
  }
  const packages: Record<string, { integrity?: string }> = JSON.parse(readFileSync(lock, "utf8")).packages;
  if (packages[`node_modules/${PACKAGE}`]?.integrity !== INTEGRITY) {
    rmSync(prefix, { recursive: true, force: true });
    throw new ToolError(`${PACKAGE}@${VERSION} is not the package it was: its integrity is not ${INTEGRITY}`);
  }
  return join(prefix, "node_modules", PACKAGE, "test", "hpack-test-case");
}

/** The stories with their blocks, of every encoder. */
export function* encodedStories(corpus: string): Generator<Story> {
  for (const encoder of ENCODERS) yield* storiesOf(corpus, encoder);
}

/** The header lists alone. */
export function rawStories(corpus: string): Story[] {
  return [...storiesOf(corpus, RAW)];
}

function* storiesOf(corpus: string, encoder: string): Generator<Story> {
  for (const file of readdirSync(join(corpus, encoder)).sort()) {
    if (!/^story_\d+\.json$/.test(file)) continue;
    const story: StoryJson = JSON.parse(readFileSync(join(corpus, encoder, file), "utf8"));
    const cases = story.cases.map(({ headers, wire = "", header_table_size }) => ({
      fields: headers.flatMap((header) => Object.entries(header).map(([name, value]) => ({ name, value }))),
      wire: Buffer.from(wire, "hex"),
      ...(header_table_size === undefined ? {} : { tableBytes: header_table_size }),
    }));
    yield { name: `${encoder}/${file.replace(".json", "")}`, cases };
  }
}

interface StoryJson {
  readonly cases: readonly {
    readonly headers: readonly Readonly<Record<string, string>>[];
    readonly wire?: string;
    readonly header_table_size?: number;
  }[];
}
