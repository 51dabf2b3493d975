/** A burst of `capacity`, and `perSecond` more as time goes by. An infinite capacity never runs out. */
export class TokenBucket {
  readonly #capacity: number;
  readonly #perMs: number;
  #tokens: number;
  #atMs = 0;

  constructor(capacity: number, perSecond: number) {
    this.#capacity = capacity;
    this.#perMs = perSecond / 1000;
    this.#tokens = capacity;
  }

  /** Takes a token; false when there is none. */
  take(nowMs: number): boolean {
    if (this.#capacity === Number.POSITIVE_INFINITY) return true;
    this.#tokens = Math.min(this.#capacity, this.#tokens + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Gives a token back, up to the capacity. */
  give(): void {
    if (this.#tokens < this.#capacity) this.#tokens += 1;
  }
}

/** So many in any 10 s, as a bucket counts them. */
export function perTenSeconds(count: number): TokenBucket {
  return new TokenBucket(count, count / 10);
}
