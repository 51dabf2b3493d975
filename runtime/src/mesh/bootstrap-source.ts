import { readFileSync } from "node:fs";
import { parseAddress } from "../base/network.js";
import { type Bootstrap, parseBootstrap } from "../xds/bootstrap.js";

/** Where the embedded control plane listens unless told otherwise. */
export const DEFAULT_CONTROL_PLANE = "127.0.0.1:15010";

/** A bootstrap and where it came from. */
export interface BootstrapChoice {
  readonly bootstrap: Bootstrap;
  /** For messages: the option, the variable or the file. */
  readonly source: string;
}

/** What {@link chooseBootstrap} looks at. */
export interface BootstrapOptions {
  /** A gRPC xDS bootstrap as JSON text or as a plain object. */
  readonly bootstrap?: string | Readonly<Record<string, unknown>> | undefined;
  /** `host:port` or `unix:/path` of a control plane, plaintext; short for a bootstrap that names just this server. */
  readonly controlPlane?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Id of this process for the control plane. */
  readonly nodeId: string;
}

/**
 * Finds the bootstrap, first come first taken: the option `bootstrap`, the option `controlPlane`, the file that
 * `GRPC_XDS_BOOTSTRAP` names, the text in `GRPC_XDS_BOOTSTRAP_CONFIG` (gRFC A27), the embedded control plane's default
 * address. Throws an `Error` that names the source when the one it takes can't be used.
 */
export function chooseBootstrap(options: BootstrapOptions): BootstrapChoice {
  const { bootstrap, controlPlane, env, nodeId } = options;
  if (bootstrap !== undefined) {
    const text = typeof bootstrap === "string" ? bootstrap : JSON.stringify(bootstrap);
    return parse(text, "option bootstrap");
  }
  if (controlPlane !== undefined) {
    if (parseAddress(controlPlane) === undefined) {
      throw new Error(
        `option controlPlane: "${controlPlane}" is not an address; expected host:port, [ipv6]:port or unix:/path`,
      );
    }
    return parse(plaintext(controlPlane, nodeId), "option controlPlane");
  }
  const file = env["GRPC_XDS_BOOTSTRAP"];
  if (file !== undefined && file !== "") {
    return parse(read(file), `GRPC_XDS_BOOTSTRAP ${file}`);
  }
  const text = env["GRPC_XDS_BOOTSTRAP_CONFIG"];
  if (text !== undefined && text !== "") return parse(text, "GRPC_XDS_BOOTSTRAP_CONFIG");
  return parse(plaintext(DEFAULT_CONTROL_PLANE, nodeId), "the embedded control plane's default address");
}

function parse(text: string, source: string): BootstrapChoice {
  const result = parseBootstrap(text, source);
  if (result.kind === "invalid") throw new Error(result.message);
  return { bootstrap: result.bootstrap, source };
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(
      `GRPC_XDS_BOOTSTRAP: can't read "${file}": ${error instanceof Error ? error.message : String(error)}; ` +
        "point the variable at a bootstrap file, or unset it to use the embedded control plane at " +
        DEFAULT_CONTROL_PLANE,
      { cause: error },
    );
  }
}

function plaintext(serverUri: string, nodeId: string): string {
  return JSON.stringify({
    xds_servers: [{ server_uri: serverUri, channel_creds: [{ type: "insecure" }], server_features: ["xds_v3"] }],
    node: { id: nodeId, metadata: { GENERATOR: "grpc" } },
  });
}
