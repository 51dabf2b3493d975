/** What the mesh decided for one call. */
export interface CallDecision {
  /** Name of the route that matched, from the VirtualService; empty when it has none or no route was reached. */
  readonly routeName: string;
  /** The cluster that took the call, `outbound|80|v2|acme.greet.v1.greeterservice.rpc.mesh` for instance. */
  readonly cluster: string;
  /** `host:port` of the endpoint of the last attempt; empty when none was reached. */
  readonly endpoint: string;
  /** Attempts made, at least 1 once an endpoint was reached. */
  readonly attempts: number;
}
