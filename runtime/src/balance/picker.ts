/**
 * One immutable choice function for one state of a cluster. `pick` is called once per attempt, synchronously, and
 * never blocks; a change of endpoints, health or connectivity makes a new picker.
 *
 * `E` is the consumer's handle of a connected endpoint.
 */
export interface Picker<E> {
  /** Chooses. `tried` holds the endpoints that earlier attempts of the call used; they are avoided when others exist. */
  pick(tried?: ReadonlySet<E>): PickResult<E>;
}

export type PickResult<E> =
  | { readonly kind: "complete"; readonly endpoint: E }
  /** Nothing is connected yet: ask the next picker. */
  | { readonly kind: "queue" }
  /** Nothing can be reached: the call fails with UNAVAILABLE, unless it waits for ready. */
  | { readonly kind: "fail"; readonly message: string }
  /** Configuration says to drop the call: UNAVAILABLE, never retried. */
  | { readonly kind: "drop"; readonly message: string };

/** What a balancing policy sees of an endpoint. The owner updates the object; a picker reads it at each pick. */
export interface PickableEndpoint {
  /** Relative share, at least 1. */
  readonly weight: number;
  /** Calls on it that have not ended. */
  readonly inFlight: number;
  readonly state: ConnectivityState;
}

/** gRPC connectivity of one endpoint. */
export type ConnectivityState = "idle" | "connecting" | "ready" | "failed";

/** The endpoints of a cluster that may take calls, by priority, then locality. */
export interface PickerInput<E extends PickableEndpoint> {
  readonly priorities: readonly (readonly PickableLocality<E>[])[];
  readonly drops: readonly { readonly category: string; readonly perMillion: number }[];
  /** Why the last connection attempt failed; part of the message when nothing can be reached. */
  readonly lastFailure?: string;
}

export interface PickableLocality<E extends PickableEndpoint> {
  readonly weight: number;
  readonly endpoints: readonly E[];
}
