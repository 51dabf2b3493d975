import type { LimitExceeded } from "./limits.js";

export type { Http2Options, LimitExceeded } from "./limits.js";

/**
 * Decoded or to-be-encoded header fields in wire order, flat: name, value, name, value. Names are lower case; pseudo
 * headers come first.
 */
export type HeaderFields = readonly string[];

/** RFC 9113 section 7. */
export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** The name of an error code, as messages have it. */
export function errorName(code: number): string {
  const found = Object.entries(ErrorCode).find(([, value]) => value === code);
  return found === undefined ? `error code ${code}` : found[0];
}

/** Who caused an error: our user, this library, or the peer. */
export type ErrorOrigin = "user" | "library" | "remote";

/** Why a stream ended before both sides were done. */
export interface StreamError {
  /** The code of the RST_STREAM or GOAWAY; unknown codes of a peer are kept as they came. */
  readonly code: number;
  readonly origin: ErrorOrigin;
  readonly message: string;
  /** The peer certainly did not process the stream (REFUSED_STREAM, above GOAWAY's last id, never sent). */
  readonly unprocessed: boolean;
}

/** A block of header fields that recurs, such as the request headers of a method. Encoded once per connection. */
export interface HeaderTemplate {
  readonly fields: HeaderFields;
}

/**
 * Receives what the peer does on one stream, in order. Must not throw. After `onClose` nothing follows.
 */
export interface StreamHandler {
  /** Response or request headers, then, at the end of the stream, trailers. 1xx blocks are not delivered. */
  onHeaders(fields: HeaderFields, endStream: boolean): void;
  /**
   * A piece of the body, valid during the call only. Its bytes count against the receive window until
   * `Http2Stream.consume`.
   */
  onData(bytes: Uint8Array, endStream: boolean): void;
  /** The bytes queued by `sendData` fell below the low mark after a `sendData` that returned false. */
  onWritable(): void;
  /** The stream is over: `error` is absent when both sides ended it in order. Called once, last. */
  onClose(error: StreamError | undefined): void;
}

/**
 * Whose memory a body's bytes are. `kept`: they may be referred to for ever, for nobody writes there any more. `lent`: it is
 * the caller's again when the call returns, so they are copied. An owner is told when they have left, so that it can use
 * the memory again, or not at all, when they never did.
 */
export type Memory = "kept" | "lent" | MemoryOwner;

/** See {@link Memory}. */
export interface MemoryOwner {
  /**
   * The first `byteCount` bytes are about to be read: what was not written there yet is written now. Without it all are
   * there. Those of a `sendData` are asked for before it returns, in parts as they leave.
   */
  fill?(byteCount: number): void;
  onLeft(): void;
}

/** One stream of a connection. */
export interface Http2Stream {
  readonly id: number;
  /** Sends a header block: a server's response headers, or trailers with `endStream`. */
  sendHeaders(template: HeaderTemplate, extra: HeaderFields | undefined, endStream: boolean): void;
  /**
   * Sends body bytes: `prefix`, if given, which is copied, then `bytes`, whose memory is "kept" unless it is said
   * otherwise. False asks to wait for `onWritable` before more is sent; what was given is queued in any case.
   */
  sendData(bytes: Uint8Array, endStream: boolean, prefix?: Uint8Array, memory?: Memory): boolean;
  /** Gives `byteCount` received bytes back to the peer's window. */
  consume(byteCount: number): void;
  /** The received bytes completed something of use, such as a message: their small frames were no waste. */
  progress(): void;
  /**
   * Work for the stream began that its end does not stop. Until `release` it keeps its place among the concurrent
   * streams, also when it was reset: a peer that resets can't have more work done at once than one that waits.
   */
  hold(): void;
  /** That work has ended. Once for each `hold`. */
  release(): void;
  /** Ends the stream in both directions at once. `onClose` is not called for it. After the end nothing happens. */
  reset(code: ErrorCode): void;
}

/** Receives what happens on a connection. Must not throw. */
export interface ConnectionHandler {
  /** Output went from none to some: take it with `takeOutput` at the end of the turn. */
  onOutput(): void;
  /** There is much output before the turn is over: it may be taken at once, with `takeWritten`. */
  onMuchOutput?(): void;
  /**
   * Server only: the peer opened a stream. The returned handler gets what follows; `fields` are its request headers. It
   * may close the connection, whose `onClose` then comes first, and the stream's when this has returned.
   */
  onStream(stream: Http2Stream, fields: HeaderFields, endStream: boolean): StreamHandler;
  /** The peer's limit on concurrent streams rose, a stream ended below it, or GOAWAY arrived: ask `canOpenStream`. */
  onCapacity(): void;
  /** After `isReadPaused` was true: hand over bytes again. */
  onReadable?(): void;
  /** The peer went over a limit; what follows from it, if anything, follows by its own event. */
  onLimit?(exceeded: LimitExceeded): void;
  /** The connection is over; take the rest of the output, then close. Every stream had its `onClose` before. */
  onClose(error: ConnectionError | undefined): void;
}

/** Why a connection ended. */
export interface ConnectionError {
  readonly code: number;
  readonly origin: ErrorOrigin;
  readonly message: string;
}

/** One HTTP/2 connection as a pure state machine: bytes in, bytes and events out. No socket, no timer. */
export interface Http2Connection {
  /** Takes bytes from the peer; calls handlers before it returns. The chunk is not kept. */
  receive(bytes: Uint8Array): void;
  /** The transport is gone: every open stream ends with UNAVAILABLE-like `onClose`, then the connection's. */
  transportClosed(error: Error | undefined): void;
  /** Hands queued output to `write`, in order, each piece once; then bodies that wait, and reading, go on. */
  takeOutput(write: (bytes: Uint8Array) => void): void;
  /** Hands queued output to `write` and does nothing else: for `onMuchOutput`, in the middle of what goes on. */
  takeWritten(write: (bytes: Uint8Array) => void): void;
  /** All pieces that were ever taken have left: their memory is used again. */
  outputLeft(): void;
  /**
   * The peer is ahead of what it may have done in one turn, or behind with reading: leave its bytes in the transport
   * until `onReadable`. What is handed over meanwhile is kept, in memory.
   */
  readonly isReadPaused: boolean;
  /** Client only: whether `openStream` may be called now. */
  readonly canOpenStream: boolean;
  /** GOAWAY was sent or received: open streams go on, new ones need another connection. */
  readonly isDraining: boolean;
  /** Streams that have not ended, in either direction. */
  readonly openStreams: number;
  /** Client only: opens a stream and sends its headers. Call only while `canOpenStream`. */
  openStream(
    template: HeaderTemplate,
    extra: HeaderFields | undefined,
    endStream: boolean,
    handler: StreamHandler,
  ): Http2Stream;
  /** Sends a PING; `onAck` is called when the peer answers. */
  ping(onAck: () => void): void;
  /**
   * Starts a graceful end: GOAWAY with the highest stream id, then, after a PING came back, the final GOAWAY
   * (RFC 9113 section 6.8). Open streams go on; `onClose` follows when the last one ended.
   */
  drain(): void;
  /** Ends the connection now: GOAWAY with `code`, every stream closed. */
  close(code: ErrorCode, message: string): void;
}
