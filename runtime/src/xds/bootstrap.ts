import { parseAddress } from "../base/network.js";
import { findJsonError } from "./json-error.js";

/** What a process must know to reach its control plane (gRFC A27, the bootstrap file). */
export interface Bootstrap {
  /** In order of preference; the first one is used. At least one. */
  readonly servers: readonly XdsServer[];
  readonly node: BootstrapNode;
  /** Name of the Listener of a target; `%s` stands for the target. Defaults to `%s`. */
  readonly clientListenerTemplate: string;
}

/** One xDS server. */
export interface XdsServer {
  /** `host:port` or `unix:/path`. */
  readonly uri: string;
  readonly features: readonly string[];
}

/** Who this process is for the control plane (Envoy `Node`). */
export interface BootstrapNode {
  readonly id: string;
  readonly cluster: string;
  readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string } | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
}

// Each level is a Struct or ListValue and a Value within the request, and readers stop at 100 messages.
const MAX_NESTING = 40;

/** The outcome of {@link parseBootstrap}. */
export type ParsedBootstrap =
  | { readonly kind: "ok"; readonly bootstrap: Bootstrap }
  | { readonly kind: "invalid"; readonly message: string };

/** Reads a bootstrap. `source` says in messages where the text came from. Unknown members are ignored, as gRPC does. */
export function parseBootstrap(text: string, source: string): ParsedBootstrap {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    const { line, column, found, expected } = findJsonError(text);
    return invalid(source, `is not JSON: ${line}:${column}: found ${found}, expected ${expected}`);
  }
  if (!isObject(root)) return invalid(source, "must be a JSON object");
  const servers = root["xds_servers"];
  if (!Array.isArray(servers) || servers.length === 0) {
    return invalid(source, `xds_servers: found ${show(servers)}, expected a list of at least one server`);
  }
  const parsed: XdsServer[] = [];
  for (const [index, server] of servers.entries()) {
    const result = parseServer(server, `xds_servers[${index}]`);
    if (typeof result === "string") return invalid(source, result);
    parsed.push(result);
  }
  const node = parseNode(root["node"]);
  if (typeof node === "string") return invalid(source, node);
  const template = root["client_default_listener_resource_name_template"];
  if (template !== undefined && typeof template !== "string") {
    return invalid(
      source,
      `client_default_listener_resource_name_template: found ${show(template)}, expected a string`,
    );
  }
  return { kind: "ok", bootstrap: { servers: parsed, node, clientListenerTemplate: template ?? "%s" } };
}

function parseServer(server: unknown, where: string): XdsServer | string {
  if (!isObject(server)) return `${where}: found ${show(server)}, expected an object`;
  const uri = server["server_uri"];
  if (typeof uri !== "string" || parseAddress(uri) === undefined) {
    return `${where}.server_uri: found ${show(uri)}, expected host:port or unix:/path`;
  }
  const credentials = server["channel_creds"];
  if (!Array.isArray(credentials) || !credentials.some((entry) => isObject(entry) && entry["type"] === "insecure")) {
    return (
      `${where}.channel_creds: found ${show(credentials)}, expected [{"type": "insecure"}]; ` +
      "TLS to the control plane is not supported yet"
    );
  }
  const features = server["server_features"];
  return {
    uri,
    features: Array.isArray(features)
      ? features.filter((feature): feature is string => typeof feature === "string")
      : [],
  };
}

function parseNode(node: unknown): BootstrapNode | string {
  if (node === undefined) return { id: "", cluster: "", locality: undefined, metadata: {} };
  if (!isObject(node)) return `node: found ${show(node)}, expected an object`;
  const { id = "", cluster = "" } = node;
  // Some generators write null for nothing.
  const metadata = node["metadata"] ?? {};
  const locality = node["locality"] ?? undefined;
  if (typeof id !== "string") return `node.id: found ${show(id)}, expected a string`;
  if (typeof cluster !== "string") return `node.cluster: found ${show(cluster)}, expected a string`;
  if (!isObject(metadata)) return `node.metadata: found ${show(metadata)}, expected an object`;
  if (isDeep(metadata)) return `node.metadata: nests more than ${MAX_NESTING} deep, which no protobuf reader takes`;
  if (locality !== undefined && !isObject(locality))
    return `node.locality: found ${show(locality)}, expected an object`;
  const part = (name: string): string => {
    const value = locality?.[name];
    return typeof value === "string" ? value : "";
  };
  return {
    id,
    cluster,
    metadata,
    locality: locality && { region: part("region"), zone: part("zone"), subZone: part("sub_zone") },
  };
}

function invalid(source: string, what: string): ParsedBootstrap {
  return {
    kind: "invalid",
    message: `xDS bootstrap (${source}): ${what}; see gRFC A27 for the format, or leave it out to use the embedded control plane`,
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value nests too deep. Level by level, for the call stack is bounded as well. */
function isDeep(value: object): boolean {
  let level: object[] = [value];
  for (let depth = 0; depth < MAX_NESTING && level.length > 0; depth += 1) {
    level = level
      .flatMap((each): unknown[] => Object.values(each))
      .filter((each): each is object => typeof each === "object" && each !== null);
  }
  return level.length > 0;
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
