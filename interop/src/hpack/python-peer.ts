import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cachePath, root, runOrFail } from "../workspace.js";
import { type HeaderList, NEVER_INDEXED } from "./fields.js";

const folder = join(root, "interop", "hpack");
const INSTALL = "install Python 3.9 or newer with venv (Debian: apt-get install python3-venv) and run this again";

/** Python's hpack, in an environment of its own. Works a whole set of stories at a time: starting it costs more. */
export interface PythonPeer {
  /** The blocks of each story, encoded for a decoder that allows `tableBytes`; every other one with Huffman codes. */
  encode(stories: readonly (readonly HeaderList[])[], tableBytes: number): Promise<Buffer[][]>;
  /** The header lists of each story, flat. Fails when a field that must never be indexed does not say so. */
  decode(stories: readonly (readonly EncodedList[])[], tableBytes: number): Promise<string[][][]>;
}

/** A block, and the sizes that the decoder's table goes through before it. */
export interface EncodedList {
  readonly block: Buffer;
  readonly tables?: readonly number[];
}

/** Installs the pinned package, once. */
export async function createPythonPeer(): Promise<PythonPeer> {
  const environment = cachePath("hpack", "python");
  const python = join(environment, "bin", "python");
  const isThere = join(environment, "complete");
  if (!existsSync(isThere)) {
    console.log("hpack: installing Python's hpack");
    rmSync(environment, { recursive: true, force: true });
    await runOrFail(["python3", "-m", "venv", environment], { advice: INSTALL });
    const pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
    await runOrFail([...pip, "--require-hashes", "-r", join(folder, "requirements.txt")], { advice: INSTALL });
    await runOrFail([python, "-c", `import hpack, pathlib; pathlib.Path(${JSON.stringify(isThere)}).touch()`], {
      advice: INSTALL,
    });
  }
  const ask = async (requests: readonly object[]): Promise<unknown[]> => {
    const input = requests.map((request) => `${JSON.stringify(request)}\n`).join("");
    const output = await runOrFail([python, join(folder, "peer.py")], { input, advice: INSTALL });
    return output
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).blocks);
  };
  return {
    async encode(stories, tableBytes) {
      const answers = await ask(
        stories.map((lists) => ({
          op: "encode",
          table: tableBytes,
          blocks: lists.map(({ fields, tables = [] }, index) => ({
            fields: fields.map(({ name, value }) => [name, value, NEVER_INDEXED.has(name)]),
            huffman: index % 2 === 0,
            tables,
          })),
        })),
      );
      return (answers as string[][]).map((blocks) => blocks.map((hex) => Buffer.from(hex, "hex")));
    },
    async decode(stories, tableBytes) {
      const answers = await ask(
        stories.map((lists) => ({
          op: "decode",
          table: tableBytes,
          never: [...NEVER_INDEXED],
          blocks: lists.map(({ block, tables = [] }) => ({ hex: block.toString("hex"), tables })),
        })),
      );
      return (answers as string[][][][]).map((lists) => lists.map((fields) => fields.flat()));
    },
  };
}
