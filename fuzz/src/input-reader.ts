/** Reads the choices that an input makes. Past its end, every choice is 0. */
export class InputReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;

  /** Starts over with `bytes` up to `length`. */
  reset(bytes: Uint8Array, length: number): void {
    this.#bytes = bytes;
    this.#at = 0;
    this.#end = length;
  }

  get position(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  byte(): number {
    return this.#at < this.#end ? (this.#bytes[this.#at++] as number) : 0;
  }

  uint16(): number {
    return (this.byte() << 8) | this.byte();
  }

  /** Steps over `count` bytes, or what there is; returns how many. */
  skip(count: number): number {
    const skipped = Math.min(count, this.remaining);
    this.#at += skipped;
    return skipped;
  }
}

/** Throws when an invariant does not hold: that is a finding. */
export function check(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Error(message);
}
