// Imports nothing and uses no new syntax: it must run, and complain well, on an old Node.

/** The oldest Node that Meshwright runs on; the same as `engines` in package.json. */
export const OLDEST_NODE = "20.19.0";

/**
 * Says why `version` (as in `process.version`) is too old; undefined when it is not.
 *
 * @param {string} version
 * @returns {string | undefined}
 */
export function whyNodeIsTooOld(version) {
  const found = version.replace(/^v/, "").split(".").map(Number);
  const oldest = OLDEST_NODE.split(".").map(Number);
  for (let i = 0; i < oldest.length; i++) {
    const distance = (found[i] || 0) - (oldest[i] || 0);
    if (distance > 0) return undefined;
    if (distance < 0) {
      return `Meshwright needs Node ${OLDEST_NODE} or newer, this is Node ${version.replace(/^v/, "")}. Install a newer Node and run the command again.`;
    }
  }
  return undefined;
}
