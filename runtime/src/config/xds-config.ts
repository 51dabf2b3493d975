import type { Cluster } from "./cluster.js";
import type { ClusterEndpoints } from "./endpoint.js";
import type { VirtualHost } from "./route.js";

/**
 * Everything that calls to one target need, as one immutable snapshot (gRFC A74). Parts that an update left alone keep
 * their identity, so that a consumer compares with `===`.
 */
export interface XdsConfig {
  /** The target: the Listener resource's name, `host:port`. */
  readonly target: string;
  /** The virtual host whose domain matches the target best. */
  readonly virtualHost: VirtualHost;
  /** Every cluster that a route names. */
  readonly clusters: ReadonlyMap<string, ClusterConfig>;
  /** Default bound of a call in milliseconds, from the HttpConnectionManager. Absent: none. */
  readonly maxStreamDurationMs?: number;
}

export type ClusterConfig =
  | { readonly kind: "ready"; readonly cluster: Cluster; readonly endpoints: ClusterEndpoints }
  /** The cluster can't be used; its calls fail with `message`, calls to other clusters go on. */
  | { readonly kind: "failed"; readonly message: string };
