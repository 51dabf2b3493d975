import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cachePath, runOrFail, ToolError } from "../workspace.js";

/** A header list, flat: name, value, name, value. */
export type Fields = readonly string[];

/** A header block and what it says. */
export interface StoryCase {
  /** Size of the table that the decoder has announced when the block comes. Absent: as before. */
  readonly tableBytes: number | undefined;
  /** Absent in the stories that give header lists alone. */
  readonly wire: string | undefined;
  readonly fields: Fields;
}

/** Header blocks that one encoder made for one connection. */
export interface Story {
  readonly name: string;
  readonly cases: readonly StoryCase[];
}

/** The package that ships the public stories of hpack-test-case, and its version. */
const PACKAGE = "hpack";
const VERSION = "1.0.0";
/** Encoders of which the package has stories, and header lists without blocks. */
const RAW = "raw-data";

/** Drafts of HPACK before this one had another static table, or other indices: their blocks say something else. */
const FIRST_FINAL_DRAFT = 9;

interface StoryFile {
  readonly draft?: number;
  readonly cases: readonly {
    readonly header_table_size?: number;
    readonly wire?: string;
    readonly headers: readonly Readonly<Record<string, string>>[];
  }[];
}

/** Brings the stories here, once. */
export async function installStories(): Promise<string> {
  const prefix = cachePath("hpack", `${PACKAGE}-${VERSION}`);
  const folder = join(prefix, "node_modules", PACKAGE, "test", "hpack-test-case");
  if (!existsSync(folder)) {
    console.log(`hpack: installing the stories, ${PACKAGE}@${VERSION}`);
    const install = ["npm", "install", "--prefix", prefix, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"];
    await runOrFail([...install, `${PACKAGE}@${VERSION}`], { advice: "install npm" });
  }
  if (!existsSync(folder)) throw new ToolError(`${PACKAGE}@${VERSION} has no stories: remove ${prefix} and try again`);
  return folder;
}

/** The stories of all encoders that speak HPACK as it became. */
export function encodedStories(folder: string): Story[] {
  const encoders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return encoders.flatMap(({ name }) => (name === RAW ? [] : readStories(join(folder, name), name)));
}

/** Header lists of real requests and responses. */
export function rawLists(folder: string): Fields[] {
  return readStories(join(folder, RAW), RAW).flatMap(({ cases }) => cases.map(({ fields }) => fields));
}

function readStories(folder: string, encoder: string): Story[] {
  const files = readdirSync(folder)
    .filter((file) => /^story_\d+\.json$/.test(file))
    .sort();
  return files.flatMap((file) => {
    const { cases, draft } = JSON.parse(readFileSync(join(folder, file), "utf8")) as StoryFile;
    if (draft !== undefined && draft < FIRST_FINAL_DRAFT) return [];
    const read = cases.map(({ header_table_size, wire, headers }) => ({
      tableBytes: header_table_size,
      wire,
      fields: headers.flatMap((header) => Object.entries(header).flat()),
    }));
    return [{ name: `${encoder}/${file}`, cases: read }];
  });
}
