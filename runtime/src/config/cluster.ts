/** Envoy `Cluster` of type EDS: endpoints come from the ClusterLoadAssignment named `edsServiceName`. */
export interface Cluster {
  readonly name: string;
  readonly edsServiceName: string;
  readonly loadBalancer: LoadBalancerConfig;
  /** Calls in flight before the circuit opens (gRFC A32). Defaults to 1024. */
  readonly maxRequests: number;
  /** Milliseconds until a connection attempt fails. Defaults to 5000, as Envoy's. */
  readonly connectTimeoutMs: number;
}

export type LoadBalancerConfig =
  | { readonly kind: "round_robin" }
  /** Power of `choiceCount` random choices, 2 to 10, defaults to 2 (gRFC A48). */
  | { readonly kind: "least_request"; readonly choiceCount: number }
  | { readonly kind: "random" }
  /** All calls to the first endpoint that connects (gRFC A62). */
  | { readonly kind: "pick_first"; readonly shuffle: boolean };
