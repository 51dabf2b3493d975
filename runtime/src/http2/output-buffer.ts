import { largeBuffers } from "../base/large-buffers.js";
import type { MemoryOwner } from "./types.js";

const FIRST_SLAB_BYTES = 2048;
const LARGEST_SLAB_BYTES = 65_536;
const MAX_SPARE_SLABS = 4;

/**
 * Collects output in slabs. Writers fill `slab` from `position` after `reserve`; what was taken is not written again until
 * {@link reuse}, so a socket may hold it as long as it likes.
 *
 * Slabs grow with use, which keeps an idle connection small.
 */
export class OutputBuffer {
  slab: Buffer = Buffer.allocUnsafeSlow(FIRST_SLAB_BYTES);
  position = 0;
  /** Of `byteCount`, what DATA frames have. */
  dataByteCount = 0;
  /** What lies before it in `slab` was taken, or waits behind other pieces. */
  pieceStart = 0;
  /** Changes when `position` begins anew. */
  round = 0;
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  /** Slabs that are full, before and after they were taken, and those that are free again. */
  #full: Buffer[] = [];
  #leaving: Buffer[] = [];
  readonly #spare: Buffer[] = [];
  /** Those whose memory is in the output, before and after it was taken. */
  #owners: MemoryOwner[] = [];
  #leavingOwners: MemoryOwner[] = [];

  /** Bytes that wait to be taken. */
  get byteCount(): number {
    return this.#pieceBytes + this.position - this.pieceStart;
  }

  /** Makes `slab` have room for `byteCount` bytes at `position`. */
  reserve(byteCount: number): void {
    if (this.position + byteCount > this.slab.length) this.#nextSlab(byteCount);
  }

  /** Queues `bytes` by reference. */
  append(bytes: Uint8Array): void {
    this.#closePiece();
    this.#pieces.push(bytes);
    this.#pieceBytes += bytes.length;
  }

  /** Tells `owner` when all that is in the output now has left. */
  whenLeft(owner: MemoryOwner): void {
    this.#owners.push(owner);
  }

  /** Hands all output to `write`, in order. */
  take(write: (bytes: Uint8Array) => void): void {
    this.dataByteCount = 0;
    if (this.#owners.length > 0) {
      this.#leavingOwners.push(...this.#owners);
      this.#owners = [];
    }
    if (this.#pieces.length === 0) {
      const start = this.pieceStart;
      if (this.position === start) return;
      this.pieceStart = this.position;
      write(this.slab.subarray(start, this.position));
      return;
    }
    this.#closePiece();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#pieceBytes = 0;
    if (this.#full.length > 0) {
      this.#leaving.push(...this.#full);
      this.#full = [];
    }
    for (const piece of pieces) write(piece);
  }

  /** Everything that was taken has left: its memory is free again. */
  reuse(): void {
    for (const slab of this.#leaving) if (this.#spare.length < MAX_SPARE_SLABS) this.#spare.push(slab);
    this.#leaving.length = 0;
    if (this.#leavingOwners.length > 0) {
      const owners = this.#leavingOwners;
      this.#leavingOwners = [];
      for (const owner of owners) owner.onLeft();
    }
    if (this.#pieces.length > 0 || this.position !== this.pieceStart) return;
    this.#beginAnew();
  }

  #closePiece(): void {
    if (this.position === this.pieceStart) return;
    this.#pieces.push(this.slab.subarray(this.pieceStart, this.position));
    this.#pieceBytes += this.position - this.pieceStart;
    this.pieceStart = this.position;
  }

  #nextSlab(byteCount: number): void {
    this.#closePiece();
    // Only the largest are worth keeping, and only they hold what comes.
    if (this.slab.length === LARGEST_SLAB_BYTES) this.#full.push(this.slab);
    const usualBytes = Math.min(this.slab.length * 2, LARGEST_SLAB_BYTES);
    const spare = byteCount <= LARGEST_SLAB_BYTES ? this.#spare.pop() : undefined;
    this.slab = spare ?? largeBuffers.make(Math.max(usualBytes, byteCount));
    this.#beginAnew();
  }

  #beginAnew(): void {
    this.position = 0;
    this.pieceStart = 0;
    this.round += 1;
  }
}
