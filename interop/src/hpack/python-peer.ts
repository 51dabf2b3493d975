import { existsSync } from "node:fs";
import { join } from "node:path";
import { cachePath, root, run, runOrFail, ToolError } from "../workspace.js";
import type { Fields } from "./stories.js";

const VERSION = "4.1.0";
const ADVICE = "install Python 3 with pip (Debian: apt-get install python3-pip) and run this again";

/** Python's hpack, which encodes and decodes for connections whose table has so many bytes. */
export interface PythonPeer {
  encode(lists: readonly Fields[], tableBytes: number): Promise<Buffer[]>;
  decode(blocks: readonly Buffer[], tableBytes: number): Promise<Fields[]>;
}

/** Installs the package, once. */
export async function createPythonPeer(): Promise<PythonPeer> {
  const folder = cachePath("hpack", `python-${VERSION}`);
  if (!existsSync(join(folder, "hpack"))) {
    console.log(`hpack: installing Python's hpack ${VERSION}`);
    const install = [
      "python3",
      "-m",
      "pip",
      "install",
      "--quiet",
      "--no-deps",
      "--target",
      folder,
      `hpack==${VERSION}`,
    ];
    await runOrFail(install, { advice: ADVICE });
  }
  const script = join(root, "interop", "hpack", "peer.py");
  const ask = async (task: object): Promise<unknown> => {
    const command = ["env", `PYTHONPATH=${folder}`, "python3", script];
    const { code, stdout, output } = await run(command, { input: JSON.stringify(task), advice: ADVICE });
    if (code !== 0) throw new ToolError(`Python's hpack: exit code ${code}\n${output.slice(-2000)}`);
    return JSON.parse(stdout);
  };
  return {
    async encode(lists, tableBytes) {
      const blocks = (await ask({ encode: lists.map(pairs), table: tableBytes })) as string[];
      return blocks.map((block) => Buffer.from(block, "hex"));
    },
    async decode(blocks, tableBytes) {
      const lists = await ask({ decode: blocks.map((block) => block.toString("hex")), table: tableBytes });
      return (lists as [string, string][][]).map((list) => list.flat());
    },
  };
}

function pairs(fields: Fields): [string, string][] {
  const list: [string, string][] = [];
  for (let at = 0; at < fields.length; at += 2) list.push([fields[at] ?? "", fields[at + 1] ?? ""]);
  return list;
}
