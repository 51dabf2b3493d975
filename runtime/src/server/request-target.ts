import type { HeaderFields } from "../http2/types.js";
import { lookup } from "../rpc/metadata.js";

// What a message quotes of a path that may be as long as the header list.
const QUOTED_CHARACTERS = 200;

/**
 * Why a path is refused, or undefined. A gRPC path has one spelling only, `/package.Service/Method`, or else routing,
 * authorization and handlers could disagree on what it means (CVE-2026-33186 and its kin with `%2F`, `;` and `..`):
 * nothing is normalised, what is not canonical is nobody's.
 */
export function pathFault(path: string): string | undefined {
  if (!path.startsWith("/")) return refusal(path, 'must start with "/"');
  // Visible ASCII, RFC 3986's characters of a path without the escape and the parameter.
  if (!/^[\x21-\x7e]*$/.test(path)) return refusal(path, "must be visible ASCII");
  for (const part of ["%", ";", ".."]) if (path.includes(part)) return refusal(path, `must not have "${part}"`);
  if (path.includes("//") || path.endsWith("/")) return refusal(path, "must not have an empty segment");
  return undefined;
}

/** Why a request's authority is refused, or undefined: it would mean different servers to different readers. */
export function authorityFault(fields: HeaderFields): string | undefined {
  const authority = lookup(fields, ":authority");
  const host = lookup(fields, "host");
  // RFC 9113 section 8.3.1; several values of host are joined by ",".
  if (authority !== undefined && host !== undefined && authority.toLowerCase() !== host.toLowerCase()) {
    return "host differs from :authority";
  }
  const named = authority ?? host ?? "";
  if (named.includes("@")) return "the authority must not have userinfo";
  return named.includes(",") ? "the authority must be one host" : undefined;
}

function refusal(path: string, rule: string): string {
  const quoted = path.length > QUOTED_CHARACTERS ? `${path.slice(0, QUOTED_CHARACTERS)}…` : path;
  return `path "${quoted}" ${rule}`;
}
