import { constants } from "node:buffer";
import { gunzip, gunzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { ACCEPTED_ENCODINGS } from "./compression.js";
import type { RpcStatus } from "./status.js";

/** A message after its decompression. */
export type Decompressed =
  | { readonly kind: "ok"; readonly bytes: Uint8Array }
  | { readonly kind: "failed"; readonly status: RpcStatus };

/** A decompression that goes on in another thread, or waits for one. */
export interface PendingDecompression {
  readonly kind: "pending";
  /** Nobody wants it any more: its result is not told, and what waits is dropped. */
  cancel(): void;
}

interface Job {
  readonly bytes: Uint8Array;
  readonly maxBytes: number;
  readonly chunkBytes: number;
  onDone: ((result: Decompressed) => void) | undefined;
}

// Below these a thread costs more than the work.
const SYNC_BYTES = 64 * 1024;
const SYNC_PLAIN_BYTES = 64 * 1024;
// In other threads at a time: half of those that libuv has for everybody.
const MAX_RUNNING = 2;
// RFC 1952: ten bytes before the data, eight behind them, of which the last four are their length modulo 2^32.
const LEAST_GZIP_BYTES = 18;
const TRAILER_SIZE_BYTES = 4;
// Memory is taken in pieces of what the trailer says, so that most messages take one piece, and no copy…
const LEAST_CHUNK_BYTES = 1024;
// …and it may lie. One byte more than the usual limit, so that whatever exceeds that is done with in one piece.
const MOST_CHUNK_BYTES = 4 * 1024 * 1024 + 1;

/**
 * Decompresses messages: at once what is small before and after, in other threads what is large, a few at a time, so
 * that a peer whose messages are bombs takes no more than its share. What gzip's trailer says to be too large is
 * refused unread.
 */
export class Decompressor {
  readonly #onFailure: (reason: string) => void;
  readonly #waiting = new Set<Job>();
  #running = 0;

  /**
   * `onFailure` is told, before the result, of each message that cost work and was no good: broken, or larger than the
   * limit behind a trailer that says less. Sound peers send neither.
   */
  constructor(onFailure: (reason: string) => void = () => {}) {
    this.#onFailure = onFailure;
  }

  /**
   * The plain form of a message that was compressed with `encoding`, at most `maxBytes` long. What takes its time is
   * told to `onDone`, later.
   */
  decompress(
    encoding: string,
    bytes: Uint8Array,
    maxBytes: number,
    onDone: (result: Decompressed) => void,
  ): Decompressed | PendingDecompression {
    if (encoding !== "gzip") {
      return failed(
        Code.Internal,
        `message is marked as compressed, but its encoding is "${encoding}"; known: ${ACCEPTED_ENCODINGS}`,
      );
    }
    const saidBytes = trailerSize(bytes);
    if (saidBytes > maxBytes) return tooLarge(maxBytes);
    let chunkBytes = Math.min(Math.max(saidBytes + 1, LEAST_CHUNK_BYTES), MOST_CHUNK_BYTES);
    if (bytes.length <= SYNC_BYTES && saidBytes <= SYNC_PLAIN_BYTES) {
      // What is longer than it says costs no more than if it spoke the truth, until a thread takes it.
      const mostBytes = Math.max(1, saidBytes);
      try {
        return plainOf(gunzipSync(bytes, zlibOptions(chunkBytes, mostBytes)), maxBytes);
      } catch (error) {
        // The trailer lies, or speaks for the last of several members, which RFC 1952 allows.
        if (!isTooLarge(error) || mostBytes >= maxBytes) return this.#fail(error, maxBytes);
      }
      chunkBytes = Math.min(maxBytes + 1, MOST_CHUNK_BYTES);
    }
    const job: Job = { bytes, maxBytes, chunkBytes, onDone };
    this.#waiting.add(job);
    this.#startNext();
    return {
      kind: "pending",
      cancel: () => {
        job.onDone = undefined;
        this.#waiting.delete(job);
      },
    };
  }

  #startNext(): void {
    for (const job of this.#waiting) {
      if (this.#running >= MAX_RUNNING) return;
      this.#waiting.delete(job);
      this.#running += 1;
      gunzip(job.bytes, zlibOptions(job.chunkBytes, job.maxBytes), (error, plain) => {
        this.#running -= 1;
        // Counted also when nobody waits any more, or bombs were free to those who reset their streams in time.
        const result = error === null ? plainOf(plain, job.maxBytes) : this.#fail(error, job.maxBytes);
        job.onDone?.(result);
        this.#startNext();
      });
    }
  }

  #fail(error: unknown, maxBytes: number): Decompressed {
    const reason = error instanceof Error ? error.message : String(error);
    const result = isTooLarge(error)
      ? tooLarge(maxBytes)
      : failed(Code.Internal, `can't decompress a message: ${reason}`);
    this.#onFailure(result.status.message);
    return result;
  }
}

/** The size that a gzip file says to have when it is decompressed, or 0 when it is too short to be one. */
function trailerSize(bytes: Uint8Array): number {
  if (bytes.length < LEAST_GZIP_BYTES) return 0;
  const { buffer, byteOffset, byteLength } = bytes;
  return new DataView(buffer, byteOffset, byteLength).getUint32(byteLength - TRAILER_SIZE_BYTES, true);
}

function zlibOptions(chunkSize: number, maxBytes: number): { chunkSize: number; maxOutputLength: number } {
  // Zlib takes no Infinity, and at least 1.
  return { chunkSize, maxOutputLength: Math.max(1, Math.min(maxBytes, constants.MAX_LENGTH)) };
}

function plainOf(plain: Uint8Array, maxBytes: number): Decompressed {
  if (plain.length > maxBytes) return tooLarge(maxBytes);
  // A message must not keep more alive than it is counted for: not the rest of a piece, nor a pool of Node's.
  const isLoose = plain.buffer.byteLength > plain.length + LEAST_CHUNK_BYTES;
  return { kind: "ok", bytes: isLoose ? new Uint8Array(plain) : plain };
}

function tooLarge(maxBytes: number): Extract<Decompressed, { kind: "failed" }> {
  return failed(
    Code.ResourceExhausted,
    `message is larger than the limit of ${maxBytes} bytes after decompression; raise readMaxBytes to accept it`,
  );
}

function failed(code: Code, message: string): Extract<Decompressed, { kind: "failed" }> {
  return { kind: "failed", status: { code, message } };
}

function isTooLarge(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
}
