import type { Rng } from "../base/rng.js";
import { completeResults, type EndpointChoice } from "./endpoint-choice.js";
import type { PickableEndpoint } from "./picker.js";
import { randomIndex } from "./weighted-choice.js";

// A cycle of weighted round robin is laid out in advance; larger weights are scaled to keep it short.
const LONGEST_CYCLE = 16_384;

/**
 * Takes endpoints in turn, beginning at a random one so that many clients do not move in step. Endpoints of unequal
 * weight get turns in proportion, spread evenly over the cycle (smooth weighted round robin).
 */
export function roundRobin<E extends PickableEndpoint>(endpoints: readonly E[], rng: Rng): EndpointChoice<E> {
  const results = completeResults(endpoints);
  const cycle = turns(endpoints.map(({ weight }) => weight));
  let next = randomIndex(cycle.length, rng);
  return (skip) => {
    for (let seen = 0; seen < cycle.length; seen += 1) {
      const result = results[cycle[next] as number];
      next = next + 1 === cycle.length ? 0 : next + 1;
      if (result !== undefined && !skip?.has(result.endpoint)) return result;
    }
    return undefined;
  };
}

/** The order of turns, as indexes: index i appears in proportion to its weight. */
function turns(weights: readonly number[]): Uint32Array {
  const divisor = weights.reduce(greatestCommonDivisor, 0);
  const total = weights.reduce((sum, weight) => sum + weight / divisor, 0);
  if (total === weights.length) return Uint32Array.from(weights.keys());
  const scale = Math.min(1, LONGEST_CYCLE / total);
  const shares = weights.map((weight) => Math.max(1, Math.round((weight / divisor) * scale)));
  const length = shares.reduce((sum, share) => sum + share, 0);
  // Turn k of an endpoint with s turns is due at (k + 1/2) / s of the cycle: sorted by due time they spread evenly.
  const due = new Float64Array(length);
  const order = new Uint32Array(length);
  const owner = new Uint32Array(length);
  let slot = 0;
  for (const [index, share] of shares.entries()) {
    for (let turn = 0; turn < share; turn += 1) {
      due[slot] = (turn + 0.5) / share;
      owner[slot] = index;
      order[slot] = slot;
      slot += 1;
    }
  }
  return order
    .sort((a, b) => (due[a] as number) - (due[b] as number) || a - b)
    .map((position) => owner[position] as number);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
