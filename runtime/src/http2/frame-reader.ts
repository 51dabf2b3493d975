import { FRAME_HEADER_BYTES, readUint31 } from "./frame.js";

/** Takes frames as they are cut out of the bytes. */
export interface FrameSink {
  /** One frame; its payload is `bytes` from `start` to `end`, valid during the call only. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
  /** A frame header announced more than the limit. Reading has stopped. */
  onOversizedFrame(length: number): void;
}

/** Cuts a stream of bytes into frames. Frames that arrive whole are read in place; only a partial frame is copied. */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #maxFrameBytes: number;
  #isStopped = false;
  #carry: Buffer | undefined = undefined;
  #carriedBytes = 0;

  constructor(sink: FrameSink, maxFrameBytes: number) {
    this.#sink = sink;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Drops what is left and everything that comes. */
  stop(): void {
    this.#isStopped = true;
    this.#carry = undefined;
    this.#carriedBytes = 0;
  }

  /** Reads frames from `chunk`. Not reentrant. */
  read(chunk: Buffer): void {
    const end = chunk.length;
    let at = this.#carriedBytes === 0 ? 0 : this.#completeCarried(chunk);
    while (!this.#isStopped && end - at >= FRAME_HEADER_BYTES) {
      const length = readLength(chunk, at);
      const start = at + FRAME_HEADER_BYTES;
      if (length > this.#maxFrameBytes) return this.#refuse(length);
      if (start + length > end) break;
      at = start + length;
      this.#sink.onFrame(
        chunk[start - 6] as number,
        chunk[start - 5] as number,
        readUint31(chunk, start - 4),
        chunk,
        start,
        at,
      );
    }
    if (at < end && !this.#isStopped) this.#carryOver(chunk, at, end);
  }

  /** Fills up the carried frame and delivers it; returns where the next frame starts. */
  #completeCarried(chunk: Buffer): number {
    let at = 0;
    if (this.#carriedBytes < FRAME_HEADER_BYTES) {
      at = this.#carryUntil(chunk, 0, FRAME_HEADER_BYTES);
      if (this.#carriedBytes < FRAME_HEADER_BYTES) return at;
    }
    const header = this.#carry as Buffer;
    const length = readLength(header, 0);
    if (length > this.#maxFrameBytes) {
      this.#refuse(length);
      return chunk.length;
    }
    const frameBytes = FRAME_HEADER_BYTES + length;
    at = this.#carryUntil(chunk, at, frameBytes);
    if (this.#carriedBytes < frameBytes) return at;
    const frame = this.#carry as Buffer;
    this.#carriedBytes = 0;
    this.#sink.onFrame(
      frame[3] as number,
      frame[4] as number,
      readUint31(frame, 5),
      frame,
      FRAME_HEADER_BYTES,
      frameBytes,
    );
    return at;
  }

  #carryUntil(chunk: Buffer, at: number, wantedBytes: number): number {
    const end = Math.min(chunk.length, at + wantedBytes - this.#carriedBytes);
    this.#carryOver(chunk, at, end);
    return end;
  }

  #carryOver(chunk: Buffer, at: number, end: number): void {
    const neededBytes = this.#carriedBytes + end - at;
    let carry = this.#carry;
    if (carry === undefined || carry.length < neededBytes) {
      // Grown by what has arrived, not by what a header announces: a peer pays for the memory with bytes.
      const grown = Buffer.allocUnsafeSlow(Math.max(neededBytes, Math.min(2 * neededBytes, 32_768), 64));
      if (carry !== undefined) carry.copy(grown, 0, 0, this.#carriedBytes);
      this.#carry = carry = grown;
    }
    chunk.copy(carry, this.#carriedBytes, at, end);
    this.#carriedBytes = neededBytes;
  }

  #refuse(length: number): void {
    this.stop();
    this.#sink.onOversizedFrame(length);
  }
}

function readLength(bytes: Buffer, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}
