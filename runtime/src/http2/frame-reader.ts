import { FRAME_HEADER_BYTES, FrameFlag, FrameType, readUint31 } from "./frame.js";

/** Takes frames as they are cut out of the bytes. */
export interface FrameSink {
  /**
   * One frame; its payload is `bytes` from `start` to `end`, valid during the call only. A frame of an unknown type
   * comes without its payload, which nobody reads.
   */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
  /**
   * A DATA frame without padding has begun and its end has not come: its payload of `length` bytes follows in parts, as
   * it comes.
   */
  onDataBegin(flags: number, streamId: number, length: number): void;
  /** The next bytes of that frame, from `start` to `end`, valid during the call only; `isLast`: it ends with them. */
  onDataPart(bytes: Buffer, start: number, end: number, isLast: boolean): void;
  /** A frame header announced more than the limit. Reading has stopped. */
  onOversizedFrame(length: number): void;
}

/**
 * Cuts a stream of bytes into frames. What arrives whole is read in place, and so is DATA that arrives in parts; only
 * other frames are copied until their end has come.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #maxFrameBytes: number;
  #isStopped = false;
  #isHeld = false;
  #held: Buffer[] = [];
  #carry: Buffer | undefined = undefined;
  #carriedBytes = 0;
  /** Payload of a frame that is not kept, still to come. */
  #skippedBytes = 0;
  /** Payload of a DATA frame that is handed over in parts, still to come. */
  #partialBytes = 0;

  constructor(sink: FrameSink, maxFrameBytes: number) {
    this.#sink = sink;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** A frame has begun that is none of DATA, and its end has not come. */
  get isInControlFrame(): boolean {
    if (this.#carriedBytes === 0) return false;
    return this.#carriedBytes < FRAME_HEADER_BYTES || (this.#carry as Buffer)[3] !== FrameType.DATA;
  }

  /** Drops what is left and everything that comes. */
  stop(): void {
    this.#isStopped = true;
    this.#carry = undefined;
    this.#carriedBytes = 0;
    this.#held = [];
  }

  /** Delivers no frame until {@link resume}; may be called while one is delivered. What comes meanwhile is kept. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Goes on where {@link hold} stopped; a frame may hold again. */
  resume(): void {
    this.#isHeld = false;
    const held = this.#held;
    this.#held = [];
    for (const chunk of held) this.read(chunk);
  }

  /** Reads frames from `chunk`. Not reentrant. */
  read(chunk: Buffer): void {
    if (this.#isStopped) return;
    if (this.#isHeld) {
      this.#held.push(Buffer.from(chunk));
      return;
    }
    const end = chunk.length;
    let at = 0;
    if (this.#skippedBytes > 0) at = this.#skip(end, 0);
    if (this.#partialBytes > 0) at = this.#handOverPart(chunk, at);
    if (this.#carriedBytes > 0) at = this.#completeCarried(chunk, at);
    while (!this.#isStopped && !this.#isHeld && end - at >= FRAME_HEADER_BYTES) {
      const length = readLength(chunk, at);
      const type = chunk[at + 3] as number;
      const start = at + FRAME_HEADER_BYTES;
      if (length > this.#maxFrameBytes) return this.#refuse(length);
      const flags = chunk[at + 4] as number;
      const isKept = type <= FrameType.CONTINUATION;
      if (isKept && start + length > end) {
        if (!isInParts(type, flags, length)) break;
        at = this.#beginParts(flags, readUint31(chunk, at + 5), length, chunk, start);
        continue;
      }
      this.#sink.onFrame(type, flags, readUint31(chunk, at + 5), chunk, start, isKept ? start + length : start);
      at = start + length;
      if (at > end) {
        this.#skippedBytes = at - end;
        at = end;
      }
    }
    if (at >= end || this.#isStopped) return;
    if (this.#isHeld) this.#held.push(Buffer.from(chunk.subarray(at)));
    else this.#carryOver(chunk, at, end);
  }

  /** Fills up the carried frame and delivers it; returns where the next frame starts. */
  #completeCarried(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#carriedBytes < FRAME_HEADER_BYTES) {
      at = this.#carryUntil(chunk, at, FRAME_HEADER_BYTES);
      if (this.#carriedBytes < FRAME_HEADER_BYTES) return at;
    }
    const header = this.#carry as Buffer;
    const length = readLength(header, 0);
    const type = header[3] as number;
    const flags = header[4] as number;
    if (length > this.#maxFrameBytes) {
      this.#refuse(length);
      return chunk.length;
    }
    if (this.#carriedBytes === FRAME_HEADER_BYTES && isInParts(type, flags, length)) {
      this.#carriedBytes = 0;
      return this.#beginParts(flags, readUint31(header, 5), length, chunk, at);
    }
    const isKept = type <= FrameType.CONTINUATION;
    const frameBytes = FRAME_HEADER_BYTES + (isKept ? length : 0);
    at = this.#carryUntil(chunk, at, frameBytes);
    if (this.#carriedBytes < frameBytes) return at;
    const frame = this.#carry as Buffer;
    this.#carriedBytes = 0;
    this.#sink.onFrame(type, flags, readUint31(frame, 5), frame, FRAME_HEADER_BYTES, frameBytes);
    if (isKept) return at;
    this.#skippedBytes = length;
    return this.#skip(chunk.length, at);
  }

  /** Begins with a DATA frame whose payload starts at `at`; returns where what `chunk` has of it ends. */
  #beginParts(flags: number, streamId: number, length: number, chunk: Buffer, at: number): number {
    this.#partialBytes = length;
    this.#sink.onDataBegin(flags, streamId, length);
    return this.#handOverPart(chunk, at);
  }

  #handOverPart(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#partialBytes);
    if (end === at || this.#isStopped) return end;
    this.#partialBytes -= end - at;
    this.#sink.onDataPart(chunk, at, end, this.#partialBytes === 0);
    return end;
  }

  /** Passes over what is not kept; returns where it ends. */
  #skip(end: number, at: number): number {
    const byteCount = Math.min(this.#skippedBytes, end - at);
    this.#skippedBytes -= byteCount;
    return at + byteCount;
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

/** Padding is told by the first byte and taken off the last ones: such a frame is kept until it is whole. */
function isInParts(type: number, flags: number, length: number): boolean {
  return type === FrameType.DATA && length > 0 && (flags & FrameFlag.PADDED) === 0;
}

function readLength(bytes: Buffer, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}
