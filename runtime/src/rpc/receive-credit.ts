/**
 * Counts what may be given back to a sender's flow-control window: everything received but the messages that nobody
 * has taken yet. The part of a message that is still incomplete is given back, or a message larger than the window
 * could never arrive; it is bounded by the message size limit instead.
 */
export class ReceiveCredit {
  #received = 0;
  #held = 0;
  #givenBack = 0;

  /** Bytes arrived. */
  receive(byteCount: number): void {
    this.#received += byteCount;
  }

  /** A whole message of so many bytes waits to be taken. */
  hold(byteCount: number): void {
    this.#held += byteCount;
  }

  /** It was taken. */
  release(byteCount: number): void {
    this.#held -= byteCount;
  }

  /** Nobody will take what waits. */
  releaseAll(): void {
    this.#held = 0;
  }

  /** The bytes to give back now, but for `waitingBytes` that nobody has looked at; the caller does. */
  claim(waitingBytes: number): number {
    const due = this.#received - this.#held - waitingBytes - this.#givenBack;
    if (due <= 0) return 0;
    this.#givenBack += due;
    return due;
  }
}
