import type {
  ConnectionError,
  ConnectionHandler,
  HeaderFields,
  HeaderTemplate,
  Http2Connection,
  Http2Stream,
  StreamError,
  StreamHandler,
} from "@meshwright/runtime/wire";
import { check } from "../../input-reader.js";

/** What the user does inside of handlers, as bits of the input's second byte. */
export const Reaction = {
  CONSUME: 0x01,
  RESET_ON_DATA: 0x02,
  RESPOND_AT_ONCE: 0x04,
  OPEN_ON_CLOSE: 0x08,
  RESET_ON_HEADERS: 0x10,
  CLOSE_ON_STREAM: 0x20,
  HOLD: 0x40,
  END_ON_END: 0x80,
} as const;

/** What happened, as far as it is a feature of an execution. */
export const Event = {
  STREAM: 1,
  HEADERS: 2,
  DATA: 3,
  WRITABLE: 4,
  CLOSE: 5,
  CONNECTION_CLOSE: 6,
  CAPACITY: 7,
} as const;

export const REQUEST: HeaderTemplate = {
  fields: [":method", "POST", ":scheme", "http", ":path", "/a.B/C", "te", "trailers", "x-a", "long enough for huffman"],
};
export const RESPONSE: HeaderTemplate = { fields: [":status", "200", "content-type", "application/grpc"] };
export const TRAILERS: HeaderTemplate = { fields: ["grpc-status", "0"] };
export const EXTRA: HeaderFields = ["authorization", "secret", "x-b", "1"];

const ERROR_CANCEL = 8;
const ERROR_INTERNAL = 2;
const MAX_STREAMS = 64;

/** The user of a connection, in either role: does what it is allowed to, and checks that it is told in legal order. */
export class User implements ConnectionHandler {
  readonly streams: UserStream[] = [];
  connection: Http2Connection | undefined;
  isClosed = false;
  didAskForOutput = false;
  readonly reactions: number;
  readonly onEvent: (event: number, detail: number) => void;
  readonly role: "client" | "server";

  constructor(role: "client" | "server", reactions: number, onEvent: (event: number, detail: number) => void) {
    this.role = role;
    this.reactions = reactions;
    this.onEvent = onEvent;
  }

  get openStreams(): number {
    let count = 0;
    for (const stream of this.streams) if (!stream.isClosed) count++;
    return count;
  }

  does(reaction: number): boolean {
    return (this.reactions & reaction) !== 0;
  }

  open(flags: number): void {
    const { connection } = this;
    if (connection === undefined || !connection.canOpenStream || this.streams.length >= MAX_STREAMS) return;
    check(!this.isClosed, "a closed connection lets streams open");
    const user = new UserStream(this);
    this.streams.push(user);
    const endStream = (flags & 1) !== 0;
    user.didSendHeaders = true;
    user.didSendEnd = endStream;
    user.stream = connection.openStream(REQUEST, (flags & 2) !== 0 ? EXTRA : undefined, endStream, user);
  }

  onOutput(): void {
    this.didAskForOutput = true;
  }

  onStream(stream: Http2Stream, fields: HeaderFields, endStream: boolean): StreamHandler {
    check(this.role === "server", "a stream of the peer at a client");
    check(!this.isClosed, "onStream after the connection's end");
    check(fields.length > 0 && fields.length % 2 === 0, "a request has fields");
    const user = new UserStream(this);
    user.stream = stream;
    user.didReceiveHeaders = true;
    user.didReceiveEnd = endStream;
    user.isOpening = true;
    this.streams.push(user);
    this.onEvent(Event.STREAM, endStream ? 1 : 0);
    if (this.does(Reaction.HOLD)) user.hold();
    if (this.does(Reaction.CLOSE_ON_STREAM)) this.connection?.close(ERROR_INTERNAL, "on stream");
    if (this.does(Reaction.RESPOND_AT_ONCE)) user.sendHeaders(RESPONSE, endStream);
    user.isOpening = this.isClosed;
    return user;
  }

  onCapacity(): void {
    check(!this.isClosed, "onCapacity after the connection's end");
    this.onEvent(Event.CAPACITY, 0);
  }

  onClose(error: ConnectionError | undefined): void {
    check(!this.isClosed, "the connection closed twice");
    this.isClosed = true;
    for (const stream of this.streams)
      check(stream.isClosed || stream.isOpening, "a stream is open after the connection's end");
    this.onEvent(Event.CONNECTION_CLOSE, error === undefined ? 31 : error.code);
  }
}

/** The user's side of a stream. */
export class UserStream implements StreamHandler {
  stream: Http2Stream | undefined;
  isClosed = false;
  didReceiveHeaders = false;
  didReceiveEnd = false;
  didSendHeaders = false;
  didSendEnd = false;
  /** Its handler is not known yet, so it can't have been told of its end. */
  isOpening = false;
  #unconsumedBytes = 0;
  #holds = 0;
  /** A `sendData` returned false, and no `onWritable` came since. */
  #isWaiting = false;
  readonly #user: User;

  constructor(user: User) {
    this.#user = user;
  }

  sendHeaders(template: HeaderTemplate, endStream: boolean, extra?: HeaderFields): void {
    if (this.didSendEnd || (this.didSendHeaders && !endStream)) return;
    this.didSendHeaders = true;
    this.didSendEnd = endStream;
    this.stream?.sendHeaders(template, extra, endStream);
  }

  sendData(bytes: Uint8Array, endStream: boolean, prefix: Uint8Array | undefined): void {
    if (!this.didSendHeaders || this.didSendEnd) return;
    this.didSendEnd = endStream;
    if (this.stream?.sendData(bytes, endStream, prefix) === false) this.#isWaiting = true;
  }

  consume(byteCount: number): void {
    const count = Math.min(byteCount, this.#unconsumedBytes);
    this.#unconsumedBytes -= count;
    if (count > 0) this.stream?.consume(count);
  }

  reset(code: number): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.stream?.reset(code as 8);
  }

  hold(): void {
    this.#holds++;
    this.stream?.hold();
  }

  release(): void {
    if (this.#holds === 0) return;
    this.#holds--;
    this.stream?.release();
  }

  onHeaders(fields: HeaderFields, endStream: boolean): void {
    this.#checkOpen("onHeaders");
    check(!this.didReceiveHeaders || endStream, "headers a second time are trailers, which end the stream");
    check(fields.length % 2 === 0, "a name without a value");
    this.didReceiveHeaders = true;
    this.didReceiveEnd = endStream;
    this.#user.onEvent(Event.HEADERS, endStream ? 1 : 0);
    if (this.#user.does(Reaction.RESET_ON_HEADERS)) this.reset(ERROR_CANCEL);
    else if (endStream && this.#user.does(Reaction.END_ON_END)) this.sendHeaders(TRAILERS, true);
  }

  onData(bytes: Uint8Array, endStream: boolean): void {
    this.#checkOpen("onData");
    check(this.didReceiveHeaders, "data before headers");
    check(bytes.byteLength > 0 || endStream, "data that says nothing");
    this.didReceiveEnd = endStream;
    this.#unconsumedBytes += bytes.byteLength;
    this.#user.onEvent(Event.DATA, endStream ? 1 : 0);
    if (this.#user.does(Reaction.CONSUME)) this.consume(bytes.byteLength);
    if (this.#user.does(Reaction.RESET_ON_DATA)) this.reset(ERROR_CANCEL);
    else if (endStream && this.#user.does(Reaction.END_ON_END)) this.sendHeaders(TRAILERS, true);
  }

  onWritable(): void {
    this.#checkNotClosed("onWritable");
    check(this.#isWaiting, "onWritable without a sendData that returned false");
    this.#isWaiting = false;
    this.#user.onEvent(Event.WRITABLE, 0);
  }

  onClose(error: StreamError | undefined): void {
    check(!this.isClosed, "closed twice");
    check(!this.#user.isClosed || this.isOpening, "onClose after the connection's end");
    this.isOpening = false;
    check(error !== undefined || this.didReceiveEnd, "closed in order before the peer ended the stream");
    // A server that has answered may tell its client that the rest of the request is not wanted.
    const isOrderly = this.didSendEnd || this.#user.role === "client";
    check(error !== undefined || isOrderly, "closed in order before the user ended the stream");
    this.isClosed = true;
    this.#user.onEvent(Event.CLOSE, error === undefined ? 31 : error.code);
    if (this.#user.does(Reaction.OPEN_ON_CLOSE)) this.#user.open(1);
  }

  #checkOpen(what: string): void {
    this.#checkNotClosed(what);
    check(!this.didReceiveEnd, `${what} after the end of the stream`);
  }

  #checkNotClosed(what: string): void {
    check(!this.isClosed, `${what} after the stream was closed`);
    check(!this.#user.isClosed, `${what} after the connection's end`);
  }
}
