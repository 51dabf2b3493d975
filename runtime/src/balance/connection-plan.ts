import type { LoadBalancerConfig } from "../config/cluster.js";
import type { PickableEndpoint, PickerInput } from "./picker.js";

/** Which endpoints should be connected now. */
export interface ConnectionPlan<E> {
  readonly connect: readonly E[];
  /** A priority is still connecting while a later one could help: start the failover timer (gRFC A56). */
  readonly isWaitingForPriority: boolean;
}

/**
 * Says which endpoints to connect. The owner of the connections asks after every change of endpoints or state.
 * A priority is used as soon as no earlier one can take calls: at once when all its endpoints failed, or with
 * `isFailedOver`, when it took too long to connect.
 */
export function connectionPlan<E extends PickableEndpoint>(
  config: LoadBalancerConfig,
  { priorities }: PickerInput<E>,
  isFailedOver: boolean,
): ConnectionPlan<E> {
  const connect: E[] = [];
  for (const [index, localities] of priorities.entries()) {
    const endpoints = localities.flatMap((locality) => locality.endpoints);
    connect.push(...(config.kind === "pick_first" ? oneAfterAnother(endpoints) : endpoints.filter(isIdle)));
    if (endpoints.some(({ state }) => state === "ready")) return { connect, isWaitingForPriority: false };
    const isConnecting = endpoints.some(({ state }) => state === "idle" || state === "connecting");
    if (isConnecting && !isFailedOver) {
      return { connect, isWaitingForPriority: priorities.slice(index + 1).some(hasEndpoint) };
    }
  }
  return { connect, isWaitingForPriority: false };
}

/** gRFC A62: the next endpoint is tried when the one before it failed. */
function oneAfterAnother<E extends PickableEndpoint>(endpoints: readonly E[]): E[] {
  if (endpoints.some(({ state }) => state === "ready" || state === "connecting")) return [];
  const next = endpoints.find(isIdle);
  return next === undefined ? [] : [next];
}

function isIdle({ state }: PickableEndpoint): boolean {
  return state === "idle";
}

function hasEndpoint(localities: readonly { readonly endpoints: readonly unknown[] }[]): boolean {
  return localities.some(({ endpoints }) => endpoints.length > 0);
}
