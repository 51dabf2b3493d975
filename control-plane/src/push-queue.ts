/** A queue as an async iterable: fed from outside, read by one consumer. */
export class PushQueue<T> implements AsyncIterable<T> {
  #items: T[] = [];
  #wake: (() => void) | undefined;
  #isEnded = false;

  push(...items: readonly T[]): void {
    this.#items.push(...items);
    this.#wake?.();
  }

  /** The consumer gets what is queued, then the end. */
  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    while (true) {
      const items = this.#items;
      this.#items = [];
      yield* items;
      if (this.#items.length > 0) continue;
      if (this.#isEnded) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
