import type {
  ErrorCode,
  HeaderFields,
  HeaderTemplate,
  Http2Stream,
  Memory,
  MemoryOwner,
  StreamHandler,
} from "./types.js";

/** What a stream asks of its connection. */
export interface StreamOwner {
  writeHeaders(
    stream: StreamState,
    template: HeaderTemplate,
    extra: HeaderFields | undefined,
    endStream: boolean,
  ): void;
  writeData(
    stream: StreamState,
    bytes: Uint8Array,
    endStream: boolean,
    prefix: Uint8Array | undefined,
    memory: Memory,
  ): boolean;
  consume(stream: StreamState, byteCount: number): void;
  progress(stream: StreamState): void;
  hold(stream: StreamState): void;
  release(stream: StreamState): void;
  reset(stream: StreamState, code: ErrorCode): void;
}

/**
 * One stream and its state (RFC 9113 section 5.1). "Open" and the half-closed states are the two flags:
 *
 * ```
 *                    open
 *    didRemoteEnd  /      \  didLocalEnd
 *   half-closed (remote)   half-closed (local)
 *    didLocalEnd   \      /  didRemoteEnd
 *                   closed  <-- RST_STREAM from either side, from any state
 * ```
 */
export class StreamState implements Http2Stream {
  readonly id: number;
  handler: StreamHandler | undefined;
  didLocalEnd = false;
  didRemoteEnd = false;
  isClosed = false;
  /** The final header block of a response, or a request's, was received: what follows is trailers. */
  didReceiveHeaders = false;
  /** What we may send is the peer's INITIAL_WINDOW_SIZE and this; below 0 after that was lowered. */
  sendOffsetBytes = 0;
  /** What the peer may send is our INITIAL_WINDOW_SIZE and this. */
  receiveOffsetBytes = 0;
  /** Received bytes that the user has not consumed. */
  unconsumedBytes = 0;
  /** Consumed bytes that were not yet given back with WINDOW_UPDATE. */
  unreturnedBytes = 0;
  /** What we gave of window beyond INITIAL_WINDOW_SIZE and the bytes that came. */
  extraWindowBytes = 0;
  /** The body length that the peer declared, less what came. NaN when it declared none. */
  remainingBodyBytes: number = Number.NaN;
  /** Body bytes that wait for window or for the socket. */
  readonly queue: Uint8Array[] = [];
  queuedBytes = 0;
  /** Those whose memory is in the queue. */
  queuedOwners: MemoryOwner[] | undefined;
  /** What follows the queue: nothing yet, the end of the stream, or trailers that end it. */
  queuedEnd: "none" | "end" | "trailers" = "none";
  queuedTrailers: { readonly template: HeaderTemplate; readonly extra: HeaderFields | undefined } | undefined;
  /** A `sendData` returned false: the user waits for `onWritable`. */
  isUserWaiting = false;
  /** The queue stands still since then. */
  waitingMs = 0;
  /** Something happened on the stream last then, where that is watched. */
  activeMs: number = Number.POSITIVE_INFINITY;
  /** The read that opened it, by number. */
  readonly turn: number;
  /** Pieces of work that a handler has not ended. */
  holds = 0;
  readonly #owner: StreamOwner;

  constructor(id: number, owner: StreamOwner, turn: number) {
    this.id = id;
    this.#owner = owner;
    this.turn = turn;
  }

  sendHeaders(template: HeaderTemplate, extra: HeaderFields | undefined, endStream: boolean): void {
    this.#owner.writeHeaders(this, template, extra, endStream);
  }

  sendData(bytes: Uint8Array, endStream: boolean, prefix?: Uint8Array, memory: Memory = "kept"): boolean {
    return this.#owner.writeData(this, bytes, endStream, prefix, memory);
  }

  consume(byteCount: number): void {
    this.#owner.consume(this, byteCount);
  }

  progress(): void {
    this.#owner.progress(this);
  }

  hold(): void {
    this.#owner.hold(this);
  }

  release(): void {
    this.#owner.release(this);
  }

  reset(code: ErrorCode): void {
    this.#owner.reset(this, code);
  }
}
