import { didYouMean } from "../yaml/did-you-mean.js";
import type { Service } from "./mesh-model.js";

/** How a message about an unknown host begins. A server may yet register it. */
export const UNKNOWN_HOST = "unknown host";

/** "unknown host …" with the nearest known one. */
export function unknownHost(host: string, services: ReadonlyMap<string, Service>): string {
  const known = [...services.keys()];
  const list = known.length === 0 ? "no host is known yet" : `known are ${known.slice(0, 10).join(", ")}`;
  return `${UNKNOWN_HOST} "${host}"${didYouMean(host, known)}; ${list}; declare it in a ServiceEntry, or start a server that registers it`;
}
