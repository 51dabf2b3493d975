import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Says why the packages in node_modules are not those of package-lock.json; undefined when they are.
 *
 * npm writes node_modules/.package-lock.json last, so an install that was interrupted has none.
 *
 * @param {string} root
 * @param {{ platform: string, arch: string }} [machine]
 * @returns {string | undefined}
 */
export function whyInstallIsStale(root, machine = process) {
  const wanted = readPackages(join(root, "package-lock.json"));
  if (wanted === undefined) return "package-lock.json is missing";
  const installed = readPackages(join(root, "node_modules", ".package-lock.json"));
  if (installed === undefined) return "node_modules is missing or incomplete";
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.startsWith("node_modules/") && !path.includes("/node_modules/")) continue;
    const found = installed[path];
    if (found === undefined) {
      if (entry.optional && !isForMachine(entry, machine)) continue;
      return `${path} is missing`;
    }
    if (found.version !== entry.version || found.integrity !== entry.integrity || found.link !== entry.link) {
      return `${path} is ${found.version ?? "a link"}, package-lock.json asks for ${entry.version ?? "a link"}`;
    }
    if (!existsSync(join(root, path, "package.json"))) return `${path} is missing`;
  }
  return undefined;
}

/**
 * True when an optional package must be there. One that names a C library is left to npm, which can tell them apart.
 *
 * @param {{ os?: string[], cpu?: string[], libc?: string[] }} entry
 * @param {{ platform: string, arch: string }} machine
 */
function isForMachine(entry, machine) {
  if (entry.os === undefined || entry.cpu === undefined || entry.libc !== undefined) return false;
  return entry.os.includes(machine.platform) && entry.cpu.includes(machine.arch);
}

/**
 * @typedef {{ version?: string, integrity?: string, link?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[] }} Entry
 *
 * @param {string} file
 * @returns {Record<string, Entry> | undefined}
 */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    // Missing or cut short: as good as not installed.
    return undefined;
  }
}
