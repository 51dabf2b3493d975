import type { Rng } from "../base/rng.js";
import type { LoadBalancerConfig } from "../config/cluster.js";
import { completeResults, type EndpointChoice } from "./endpoint-choice.js";
import { leastRequest } from "./least-request.js";
import type { PickableEndpoint, PickableLocality, Picker, PickerInput, PickResult } from "./picker.js";
import { roundRobin } from "./round-robin.js";
import { randomIndex, weightedChoice } from "./weighted-choice.js";

/**
 * Makes the picker for the present state of a cluster. Drops come first, then the first priority with a ready endpoint,
 * then a locality by weight, then the policy.
 */
export function createPicker<E extends PickableEndpoint>(
  config: LoadBalancerConfig,
  input: PickerInput<E>,
  rng: Rng,
): Picker<E> {
  const choose = chooseEndpoint(config, input, rng);
  if (input.drops.length === 0) return choose;
  const drops = input.drops.map(({ category, perMillion }) => ({
    perMillion,
    result: { kind: "drop", message: `dropped by configuration: ${category}` } as const,
  }));
  return {
    pick(tried) {
      for (const { perMillion, result } of drops) if (rng() * 1_000_000 < perMillion) return result;
      return choose.pick(tried);
    },
  };
}

function chooseEndpoint<E extends PickableEndpoint>(
  config: LoadBalancerConfig,
  input: PickerInput<E>,
  rng: Rng,
): Picker<E> {
  for (const priority of input.priorities) {
    const localities = priority
      .map(({ weight, endpoints }) => ({ weight, endpoints: endpoints.filter(({ state }) => state === "ready") }))
      .filter(({ endpoints }) => endpoints.length > 0);
    if (localities.length > 0) return pickReady(config, localities, rng);
  }
  const constant = withoutReady(input);
  return { pick: () => constant };
}

function pickReady<E extends PickableEndpoint>(
  config: LoadBalancerConfig,
  localities: readonly PickableLocality<E>[],
  rng: Rng,
): Picker<E> {
  const choices = localities.map(({ endpoints }) => policy(config, endpoints, rng));
  const [only] = choices;
  if (choices.length === 1 && only !== undefined) {
    // Every endpoint was tried: one of them again is better than none.
    return { pick: (tried) => only(tried) ?? (only() as PickResult<E>) };
  }
  const choose = weightedChoice(
    localities.map(({ weight }) => weight),
    rng,
  );
  return {
    pick(tried) {
      const first = choose();
      const result = choices[first]?.(tried);
      if (result !== undefined) return result;
      for (const choice of choices) {
        const other = choice(tried);
        if (other !== undefined) return other;
      }
      return choices[first]?.() as PickResult<E>;
    },
  };
}

function policy<E extends PickableEndpoint>(
  config: LoadBalancerConfig,
  endpoints: readonly E[],
  rng: Rng,
): EndpointChoice<E> {
  switch (config.kind) {
    case "round_robin":
      return roundRobin(endpoints, rng);
    case "least_request":
      return leastRequest(endpoints, config.choiceCount, rng);
    case "random":
      return randomChoice(endpoints, rng);
    case "pick_first":
      return firstOf(endpoints);
  }
}

function randomChoice<E extends PickableEndpoint>(endpoints: readonly E[], rng: Rng): EndpointChoice<E> {
  const results = completeResults(endpoints);
  const choose = weightedChoice(
    endpoints.map(({ weight }) => weight),
    rng,
  );
  return (skip) => {
    if (skip === undefined) return results[choose()];
    const left = results.filter(({ endpoint }) => !skip.has(endpoint));
    return left[randomIndex(left.length, rng)];
  };
}

function firstOf<E extends PickableEndpoint>(endpoints: readonly E[]): EndpointChoice<E> {
  const results = completeResults(endpoints);
  return (skip) => results.find(({ endpoint }) => !skip?.has(endpoint));
}

function withoutReady<E extends PickableEndpoint>({ priorities, lastFailure }: PickerInput<E>): PickResult<E> {
  const endpoints = priorities.flatMap((priority) => priority.flatMap((locality) => locality.endpoints));
  if (endpoints.some(({ state }) => state === "idle" || state === "connecting")) return { kind: "queue" };
  const reason = lastFailure === undefined ? "" : `: ${lastFailure}`;
  return {
    kind: "fail",
    message:
      endpoints.length === 0
        ? `no healthy endpoint is known${reason}`
        : `none of ${endpoints.length} endpoints can be reached${reason}`,
  };
}
