import type { Rng } from "../base/rng.js";

/** Makes a function that draws an index with a probability proportional to its weight. All weights at least 1. */
export function weightedChoice(weights: readonly number[], rng: Rng): () => number {
  if (weights.length === 1) return () => 0;
  const bounds: number[] = [];
  let total = 0;
  for (const weight of weights) {
    total += weight;
    bounds.push(total);
  }
  return () => {
    const draw = rng() * total;
    // Binary search for the first bound above the draw.
    let low = 0;
    let high = bounds.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((bounds[middle] as number) > draw) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** A random index below `length`. */
export function randomIndex(length: number, rng: Rng): number {
  return Math.min(length - 1, Math.floor(rng() * length));
}
