import type { ClusterEndpoints, Endpoint } from "../config/endpoint.js";

/** A handle that may outlive a change of its endpoint's configuration. */
export interface KeptEndpoint {
  weight: number;
}

/** The handles of a cluster after a change of its endpoints. */
export interface EndpointSet<E> {
  readonly byAddress: ReadonlyMap<string, E>;
  readonly priorities: readonly (readonly { readonly weight: number; readonly endpoints: readonly E[] }[])[];
  /** Handles that are not needed any more. */
  readonly removed: readonly E[];
}

/**
 * Matches a cluster's endpoints with the handles that exist: an address that stays keeps its handle, and so its
 * connection. Only endpoints that may take new calls get one (gRFC A27: health unknown or healthy).
 */
export function reconcile<E extends KeptEndpoint>(
  previous: ReadonlyMap<string, E>,
  { priorities }: ClusterEndpoints,
  create: (endpoint: Endpoint) => E,
): EndpointSet<E> {
  const byAddress = new Map<string, E>();
  const take = (endpoint: Endpoint): E => {
    const handle = previous.get(endpoint.address) ?? create(endpoint);
    handle.weight = endpoint.weight;
    byAddress.set(endpoint.address, handle);
    return handle;
  };
  const next = priorities.map((localities) =>
    localities.map(({ weight, endpoints }) => ({
      weight,
      endpoints: endpoints.filter(({ health }) => health === "healthy" || health === "unknown").map(take),
    })),
  );
  const removed = [...previous].filter(([address]) => !byAddress.has(address)).map(([, handle]) => handle);
  return { byAddress, priorities: next, removed };
}
