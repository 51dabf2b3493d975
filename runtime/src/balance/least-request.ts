import type { Rng } from "../base/rng.js";
import { completeResults, type EndpointChoice } from "./endpoint-choice.js";
import type { PickableEndpoint } from "./picker.js";
import { randomIndex } from "./weighted-choice.js";

/**
 * Draws `choiceCount` endpoints at random and takes the one with the fewest calls in flight for its weight (gRFC A48;
 * Envoy's weighted form with an active request bias of 1).
 */
export function leastRequest<E extends PickableEndpoint>(
  endpoints: readonly E[],
  choiceCount: number,
  rng: Rng,
): EndpointChoice<E> {
  const results = completeResults(endpoints);
  const choose = (from: typeof results): (typeof results)[number] | undefined => {
    let best: (typeof results)[number] | undefined;
    let bestLoad = Number.POSITIVE_INFINITY;
    for (let drawn = 0; drawn < choiceCount; drawn += 1) {
      const candidate = from[randomIndex(from.length, rng)];
      if (candidate === undefined) return undefined;
      const load = (candidate.endpoint.inFlight + 1) / candidate.endpoint.weight;
      if (load < bestLoad) {
        best = candidate;
        bestLoad = load;
      }
    }
    return best;
  };
  return (skip) =>
    skip === undefined ? choose(results) : choose(results.filter(({ endpoint }) => !skip.has(endpoint)));
}
