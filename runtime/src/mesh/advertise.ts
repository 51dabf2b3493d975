import { hostname, networkInterfaces } from "node:os";
import { type Address, parseAddress } from "../base/network.js";

/** Whether an address is on this machine only. */
export function isLoopback(address: Address | undefined): boolean {
  if (address === undefined) return false;
  return address.kind === "unix" || /^(?:127\.|::1$|localhost$)/.test(address.host);
}

/** Where a server listens unless told otherwise: on this machine only when its control plane is here as well. */
export function defaultHost(controlPlane: string): string {
  return isLoopback(parseAddress(controlPlane)) ? "127.0.0.1" : "0.0.0.0";
}

/** The IP address that others should use for a server that listens on `host`. */
export function advertisedAddress(host: string, env: Readonly<Record<string, string | undefined>>): string {
  const given = env["INSTANCE_IP"] ?? env["POD_IP"];
  if (given !== undefined && given !== "") return given;
  if (host !== "0.0.0.0" && host !== "::") return host;
  for (const addresses of Object.values(networkInterfaces())) {
    const external = addresses?.find(({ internal, family }) => !internal && family === "IPv4");
    if (external !== undefined) return external.address;
  }
  return "127.0.0.1";
}

/** A name for this process that others may remember. */
export function processName(env: Readonly<Record<string, string | undefined>>): string {
  return env["POD_NAME"] ?? `${hostname()}-${process.pid}`;
}

/** The id of this process for an Istio-like control plane: type, IP, pod and namespace, domain. */
export function defaultNodeId(env: Readonly<Record<string, string | undefined>>): string {
  const namespace = env["POD_NAMESPACE"] ?? "default";
  const ip = env["INSTANCE_IP"] ?? env["POD_IP"] ?? "127.0.0.1";
  return `sidecar~${ip}~${processName(env)}.${namespace}~${namespace}.svc.cluster.local`;
}
