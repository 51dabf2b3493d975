/** Told by a {@link MessageQueue} what its consumer does. */
export interface QueueOwner {
  /** The consumer waits for a message and there is none: `push` the next one, at once or later. */
  onAsked(): void;
  /** The consumer took a message, that was pushed with these numbers. */
  onTaken(wireBytes: number, charge: number): void;
  /** The consumer left before the end, or before it had taken everything. */
  onAbandoned(): void;
}

interface Item<T> {
  readonly message: T;
  readonly wireBytes: number;
  readonly charge: number;
}

interface Waiting<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: Error): void;
}

/** The received messages of a call, as the async iterable that a user reads. One consumer. */
export class MessageQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #owner: QueueOwner;
  #items: Item<T>[] = [];
  // Items are taken at a moving index: shifting an array of many small messages would copy it each time.
  #next = 0;
  #waiting: Waiting<T>[] = [];
  #end: { readonly error: Error | undefined } | undefined;
  #isAbandoned = false;

  constructor(owner: QueueOwner) {
    this.#owner = owner;
  }

  /** Adds a message that arrived as `wireBytes` and counts as `charge` while nobody has taken it. */
  push(message: T, wireBytes: number, charge: number): void {
    if (this.#end !== undefined || this.#isAbandoned) return;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) {
      this.#items.push({ message, wireBytes, charge });
      return;
    }
    waiting.resolve({ done: false, value: message });
    this.#owner.onTaken(wireBytes, charge);
    // Others asked meanwhile, each for one more.
    if (this.#waiting.length > 0) this.#owner.onAsked();
  }

  /** Ends the queue: the consumer gets what is queued, then the end, or `error`. Later calls change nothing. */
  end(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const [index, { resolve, reject }] of waiting.entries()) {
      // An error is told once; whoever asks again gets the end.
      if (error !== undefined && index === 0) {
        this.#end = { error: undefined };
        reject(error);
      } else {
        resolve({ done: true, value: undefined });
      }
    }
  }

  next(): Promise<IteratorResult<T, undefined>> {
    // One that is asked for may come at once.
    if (this.#next === this.#items.length && this.#waiting.length === 0 && this.#isOpen) this.#owner.onAsked();
    const item = this.#items[this.#next];
    if (item !== undefined) {
      this.#next += 1;
      if (this.#next === this.#items.length) {
        this.#items = [];
        this.#next = 0;
      }
      this.#owner.onTaken(item.wireBytes, item.charge);
      return Promise.resolve({ done: false, value: item.message });
    }
    if (this.#isAbandoned) return Promise.resolve({ done: true, value: undefined });
    if (this.#end !== undefined) {
      const { error } = this.#end;
      if (error === undefined) return Promise.resolve({ done: true, value: undefined });
      this.#end = { error: undefined };
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<T, undefined>> {
    if (!this.#isAbandoned) {
      const isUnread = this.#next < this.#items.length;
      this.#isAbandoned = true;
      this.#items = [];
      this.#next = 0;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const { resolve } of waiting) resolve({ done: true, value: undefined });
      if (this.#end === undefined || isUnread) this.#owner.onAbandoned();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  get #isOpen(): boolean {
    return this.#end === undefined && !this.#isAbandoned;
  }
}
