import type { PickResult } from "./picker.js";

/** Chooses among the ready endpoints of one locality; `skip` leaves out those that the call has tried. */
export type EndpointChoice<E> = (skip?: ReadonlySet<E>) => PickResult<E> | undefined;

/** One result object per endpoint, made when the picker is made: a pick allocates nothing. */
export function completeResults<E>(
  endpoints: readonly E[],
): readonly { readonly kind: "complete"; readonly endpoint: E }[] {
  return endpoints.map((endpoint) => ({ kind: "complete", endpoint }));
}
