/** Told by a {@link MessageQueue} what its consumer does. */
export interface QueueOwner {
  /** The consumer wants one more message: `push` it, at once or later. Not called again before that. */
  onAsked(): void;
  /** The consumer left before the end. */
  onAbandoned(): void;
}

interface Waiting<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: Error): void;
}

/**
 * The received messages of a call, as the async iterable that a user reads. One consumer. Nothing waits in it: a message
 * is asked for when the consumer wants it.
 */
export class MessageQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #owner: QueueOwner;
  #waiting: Waiting<T>[] = [];
  /** The owner is being asked: what it pushes is this. */
  #isAsking = false;
  #answer: IteratorResult<T, undefined> | undefined;
  #end: { readonly error: Error | undefined } | undefined;
  #isAbandoned = false;

  constructor(owner: QueueOwner) {
    this.#owner = owner;
  }

  /** Hands over the message that was asked for. */
  push(message: T): void {
    if (this.#end !== undefined || this.#isAbandoned) return;
    if (this.#isAsking) {
      this.#answer = { done: false, value: message };
      return;
    }
    this.#waiting.shift()?.resolve({ done: false, value: message });
    // Others asked meanwhile, each for one more.
    this.#askForWaiting();
  }

  /** Ends the queue: the consumer gets the end, or `error`. Later calls change nothing. */
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
    if (this.#waiting.length === 0 && this.#end === undefined && !this.#isAbandoned) {
      const answer = this.#ask();
      if (answer !== undefined) return Promise.resolve(answer);
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
      this.#isAbandoned = true;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const { resolve } of waiting) resolve({ done: true, value: undefined });
      if (this.#end === undefined) this.#owner.onAbandoned();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #ask(): IteratorResult<T, undefined> | undefined {
    this.#isAsking = true;
    this.#answer = undefined;
    this.#owner.onAsked();
    this.#isAsking = false;
    const answer = this.#answer;
    this.#answer = undefined;
    return answer;
  }

  #askForWaiting(): void {
    while (this.#waiting.length > 0 && this.#end === undefined) {
      const answer = this.#ask();
      if (answer === undefined) return;
      this.#waiting.shift()?.resolve(answer);
    }
  }
}
