import type { CertificateName, ClientTls } from "../base/tls.js";
import { canonicalIp } from "./ip-address.js";

/**
 * The names of which a server's certificate must have one. `host` is the host that is connected to; undefined when the
 * address has none, such as a path.
 */
export function expectedNames({ identity, serverName }: ClientTls, host: string | undefined): CertificateName[] {
  if (identity?.kind === "names") {
    if (identity.names.length === 0) throw new Error("tls.identity.names is empty: name at least one peer");
    return identity.names.map(checkName);
  }
  const name = serverName ?? host;
  if (name === undefined) {
    throw new Error("the address has no host to verify the server by: set tls.serverName or tls.identity");
  }
  const ip = canonicalIp(name);
  return [checkName(ip === undefined ? { kind: "dns", value: name } : { kind: "ip", value: ip })];
}

/** Whether a certificate with `names` belongs to one of `expected`. Names are compared with names of their kind only. */
export function matchesIdentity(names: readonly CertificateName[], expected: readonly CertificateName[]): boolean {
  return expected.some((wanted) => names.some((name) => matchesName(name, wanted)));
}

/** Names for people: `DNS a.example, URI spiffe://…`. */
export function listNames(names: readonly CertificateName[]): string {
  return names.map(({ kind, value }) => `${kind.toUpperCase()} ${JSON.stringify(value)}`).join(", ");
}

function checkName(name: CertificateName): CertificateName {
  if (name.kind === "dns") {
    const value = name.value.replace(/\.$/, "");
    if (value.includes("*") || value.split(".").includes("") || canonicalIp(value) !== undefined) {
      throw new Error(`"${name.value}" is not a host name: name the one host that the server is expected to be`);
    }
    return { kind: "dns", value };
  }
  if (name.kind === "ip") {
    const value = canonicalIp(name.value);
    if (value === undefined) throw new Error(`"${name.value}" is not an IP address`);
    return { kind: "ip", value };
  }
  return name;
}

function matchesName(name: CertificateName, wanted: CertificateName): boolean {
  if (name.kind !== wanted.kind) return false;
  switch (name.kind) {
    case "dns":
      return matchesHost(name.value, wanted.value);
    case "uri":
    case "ip":
      return name.value === wanted.value;
    default:
      return name satisfies never;
  }
}

/** RFC 9525 section 6.3: a wildcard is the whole first label, stands for one label, and not for all of a domain. */
function matchesHost(pattern: string, host: string): boolean {
  const patternLabels = pattern.toLowerCase().split(".");
  const hostLabels = host.toLowerCase().split(".");
  if (patternLabels.length !== hostLabels.length) return false;
  const [first, ...rest] = patternLabels;
  const isWildcard = first === "*" && rest.length >= 2;
  return (isWildcard || first === hostLabels[0]) && rest.every((label, index) => label === hostLabels[index + 1]);
}
