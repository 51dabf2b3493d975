import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { IstioObject, LoadedFolder, Problem } from "./istio-object.js";
import { parseFile } from "./parse-file.js";

/**
 * Reads every YAML file below a folder, in the order of their names. Hidden files are drafts of editors. Objects that
 * name no namespace belong to `namespace`.
 */
export async function loadFolder(folder: string, namespace: string): Promise<LoadedFolder> {
  const objects: IstioObject[] = [];
  const problems: Problem[] = [];
  let whole = "";
  let names: string[];
  try {
    names = await readdir(folder, { recursive: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `can't read the configuration folder: ${reason}; name an existing folder`;
    return { objects, problems: [{ severity: "error", where: folder, message }], text: message };
  }
  const isYaml = (name: string): boolean =>
    /\.ya?ml$/.test(name) && !name.split(/[\\/]/).some((part) => part.startsWith("."));
  for (const name of names.filter(isYaml).sort()) {
    const file = join(folder, name);
    let text: string;
    try {
      text = await readFile(file, "utf8");
    } catch (error) {
      // Deleted between the two looks: the next change event brings the truth.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
      problems.push({ severity: "error", where: file, message: `can't be read: ${String(error)}` });
      continue;
    }
    whole += `${name}\n${text}\n`;
    const parsed = parseFile(file, text, namespace);
    objects.push(...parsed.objects);
    problems.push(...parsed.problems);
  }
  return { objects, problems, text: whole };
}
