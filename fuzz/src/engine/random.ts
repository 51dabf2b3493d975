/** Marsaglia's xorshift on 32 bits: fast, and the same run for the same seed everywhere. */
export class Random {
  #state: number;

  constructor(seed: number) {
    // Zero is the one state that xorshift never leaves; neighbouring seeds shall not begin alike.
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 0 || 1;
    for (let round = 0; round < 8; round++) this.next();
  }

  /** 32 random bits, unsigned. */
  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }

  /** An integer from 0 to `count` - 1; 0 when there is nothing to choose from. */
  below(count: number): number {
    return count <= 1 ? 0 : this.next() % count;
  }
}
