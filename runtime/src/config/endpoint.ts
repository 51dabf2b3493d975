/** Envoy `ClusterLoadAssignment`. */
export interface ClusterEndpoints {
  /** The EDS resource name. */
  readonly name: string;
  /** Index 0 is used first; a later one only when no earlier one can take calls. */
  readonly priorities: readonly (readonly LocalityEndpoints[])[];
  /** Calls to drop before balancing, in millionths per category, in order (Envoy `drop_overloads`). */
  readonly drops: readonly DropOverload[];
}

export interface DropOverload {
  readonly category: string;
  readonly perMillion: number;
}

/** Envoy `LocalityLbEndpoints`; weight is at least 1: localities without weight get no load and are left out. */
export interface LocalityEndpoints {
  readonly locality: Locality;
  readonly weight: number;
  readonly endpoints: readonly Endpoint[];
}

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

/** Envoy `LbEndpoint`. */
export interface Endpoint {
  /** `host:port`, unique within the cluster; an IPv6 host is in brackets. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  /** Relative share, at least 1. */
  readonly weight: number;
  readonly health: EndpointHealth;
}

/** Only `healthy` and `unknown` take new calls. */
export type EndpointHealth = "unknown" | "healthy" | "unhealthy" | "draining";
