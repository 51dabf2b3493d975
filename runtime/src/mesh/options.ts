import type { Interceptor } from "@connectrpc/connect";
import type { ServiceRegistration } from "../codegenv1/types.js";
import type { Http2Options } from "../http2/types.js";

/** Options of `createMesh`. */
export interface MeshOptions {
  /**
   * A gRPC xDS bootstrap (gRFC A27) as JSON text or as a plain object. Without it the option `controlPlane`, then
   * `GRPC_XDS_BOOTSTRAP` (a file), then `GRPC_XDS_BOOTSTRAP_CONFIG` (JSON text), then the embedded control plane at
   * 127.0.0.1:15010 are used, first come first taken.
   */
  readonly bootstrap?: string | Readonly<Record<string, unknown>> | undefined;
  /** `host:port` or `unix:/path` of a control plane, plaintext. */
  readonly controlPlane?: string | undefined;
  /** Run around every call, the first one outermost. */
  readonly interceptors?: readonly Interceptor[];
  /** Deadline of a call that sets none and whose method has none, in milliseconds. Defaults to none. */
  readonly defaultTimeoutMs?: number;
  /** Largest response message that is accepted, bytes. Defaults to `http2.maxMessageBytes`, 4 MiB. */
  readonly readMaxBytes?: number;
  /** Compresses the messages that are sent, when the peer can read that. Defaults to no compression. */
  readonly sendCompression?: "gzip";
  /** Smallest message that is compressed, bytes. Defaults to 1 KiB. */
  readonly compressMinBytes?: number;
  readonly http2?: Http2Options;
  /** Gets what happens between this process and the control plane. Defaults to process warnings for problems. */
  readonly onEvent?: (event: MeshEvent) => void;
}

/** What happens between this process and the control plane. */
export type MeshEvent =
  | { readonly kind: "connected"; readonly controlPlane: string }
  | { readonly kind: "disconnected"; readonly controlPlane: string; readonly reason: string }
  /** A configuration was refused; the last good one stays in force. */
  | { readonly kind: "rejected"; readonly type: string; readonly version: string; readonly message: string }
  | { readonly kind: "registered"; readonly name: string }
  /** The registration does not stand; it is established again in the background. */
  | { readonly kind: "unregistered"; readonly name: string; readonly reason: string };

/** Options of `mesh.serve`. */
export interface ServeOptions {
  readonly services: readonly ServiceRegistration[];
  /** 0 picks a free one. */
  readonly port: number;
  /** Address to listen on. Defaults to 127.0.0.1 when the control plane is on this machine, else to 0.0.0.0. */
  readonly host?: string;
  /** How the server appears in the mesh; `false` leaves it out. */
  readonly registration?: RegistrationOptions | false;
  /** Run around every handler, the first one outermost. */
  readonly interceptors?: readonly Interceptor[];
  /** Largest request message that is accepted, bytes. Defaults to `http2.maxMessageBytes`, 4 MiB. */
  readonly readMaxBytes?: number;
  /** Compresses the messages that are sent, when the peer can read that. Defaults to no compression. */
  readonly sendCompression?: "gzip";
  /** Smallest message that is compressed, bytes. Defaults to 1 KiB. */
  readonly compressMinBytes?: number;
  readonly http2?: Http2Options;
  /** Milliseconds that `close` waits for calls in flight. Defaults to 30 s. */
  readonly shutdownGraceMs?: number;
}

/** How a server appears in the mesh. */
export interface RegistrationOptions {
  /** Stable name of the process. Defaults to POD_NAME, else the host name and process id. */
  readonly name?: string;
  /** What DestinationRule subsets select by, such as `{ version: "v1" }`. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Relative share of the load. Defaults to 1. */
  readonly weight?: number;
  /** IP address on which clients reach the server. Defaults to INSTANCE_IP, POD_IP, or the address it listens on. */
  readonly address?: string;
  readonly locality?: { readonly region: string; readonly zone: string; readonly subZone: string };
}

/** A server in the mesh. */
export interface MeshServer extends AsyncDisposable {
  /** The address it listens on, `host:port`. */
  readonly address: string;
  /** Asks for no new calls, lets those in flight end for up to `graceMs`, ends the rest, leaves the mesh. */
  close(graceMs?: number): Promise<void>;
}
