/** A source of randomness: a number in [0, 1). */
export type Rng = () => number;

/** The process's own randomness. Not for secrets. */
export const systemRng: Rng = () => Math.random();
