import { mkdir, readFile, writeFile } from "node:fs/promises";

// dist/ and corpus/ are neighbours.
const CORPUS = new URL("../corpus/", import.meta.url);
const FINDINGS = new URL("../findings/", import.meta.url);
const FINDING_NAME_CHARACTERS = 16;

/** The corpus of a target: a file of one input a line, in hex. None yet is an empty corpus. */
export async function readCorpus(targetName: string): Promise<Uint8Array[]> {
  let text: string;
  try {
    text = await readFile(new URL(`${targetName}.hex`, CORPUS), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => new Uint8Array(Buffer.from(line, "hex")));
}

/** Writes the corpus, sorted, so that a change of it is a small diff. */
export async function writeCorpus(targetName: string, inputs: readonly Uint8Array[]): Promise<void> {
  const lines = [...new Set(inputs.filter((input) => input.length > 0).map((input) => hex(input)))].sort();
  await mkdir(CORPUS, { recursive: true });
  await writeFile(new URL(`${targetName}.hex`, CORPUS), `${lines.join("\n")}\n`);
}

/** Saves the input of a finding; returns where. */
export async function writeFinding(targetName: string, input: Uint8Array): Promise<string> {
  await mkdir(FINDINGS, { recursive: true });
  const name = `${targetName}-${hex(input).slice(0, FINDING_NAME_CHARACTERS)}-${input.length}.hex`;
  const url = new URL(name, FINDINGS);
  await writeFile(url, `${hex(input)}\n`);
  return url.pathname;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
