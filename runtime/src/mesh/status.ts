import type { Channel } from "../client/channel.js";
import type { XdsConfig } from "../config/xds-config.js";
import type { XdsClient, XdsResourceStatus } from "../xds/client.js";

/** What a process knows of its mesh at one moment. */
export interface MeshStatus {
  readonly controlPlane: {
    readonly address: string;
    /** Why there is no stream to it. Undefined when there is one, or none is needed yet. */
    readonly failure: string | undefined;
  };
  /** Every xDS resource that is watched. */
  readonly resources: readonly XdsResourceStatus[];
  readonly targets: readonly TargetStatus[];
}

/** One target, `host:port`. */
export interface TargetStatus {
  readonly target: string;
  /** The configuration in force. Undefined before the first, or when there is none that can be used. */
  readonly config: XdsConfig | undefined;
  /** Why calls to it fail. Undefined when they don't. */
  readonly failure: string | undefined;
  readonly clusters: readonly ClusterStatus[];
}

/** One cluster of a target. */
export interface ClusterStatus {
  readonly name: string;
  /** Calls in flight. */
  readonly activeCalls: number;
  readonly endpoints: readonly {
    readonly address: string;
    readonly state: "idle" | "connecting" | "ready" | "failed";
    /** Calls in flight. */
    readonly inFlight: number;
  }[];
}

/** Gathers a {@link MeshStatus}. */
export function statusOf(address: string, xds: XdsClient, channels: ReadonlyMap<string, Channel>): MeshStatus {
  return {
    controlPlane: { address, failure: xds.failure },
    resources: xds.resources,
    targets: [...channels].map(([target, { config, failure, clusters }]) => ({
      target,
      config,
      failure,
      clusters: [...clusters.values()].map(({ name, activeCalls, subchannels }) => ({
        name,
        activeCalls,
        endpoints: [...subchannels].map(({ endpoint, state, inFlight }) => ({
          address: endpoint.address,
          state,
          inFlight,
        })),
      })),
    })),
  };
}
