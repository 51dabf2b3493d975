/**
 * Remembers which streams we reset, so that their late frames are told from protocol errors (RFC 9113 section 5.1).
 * Bounded: of resets long ago it only remembers the highest id, and takes every closed stream up to it for one of them.
 * Better an error overlooked than a connection ended for a frame that was merely late.
 */
export class ResetMemory {
  readonly #ids = new Set<number>();
  readonly #maxIds: number;
  #forgottenId = 0;

  constructor(maxIds: number) {
    this.#maxIds = maxIds;
  }

  /** We reset stream `id`, or refused it. */
  add(id: number): void {
    this.#ids.add(id);
    if (this.#ids.size <= this.#maxIds) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      this.#forgottenId = Math.max(this.#forgottenId, oldest);
      break;
    }
  }

  /** Whether late frames of the closed stream `id` are no errors. */
  has(id: number): boolean {
    return id <= this.#forgottenId || this.#ids.has(id);
  }
}
