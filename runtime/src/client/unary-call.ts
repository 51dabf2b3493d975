import { Code, ConnectError } from "@connectrpc/connect";
import type { HeaderFields, Http2Connection, LimitExceeded, MemoryOwner } from "../http2/types.js";
import { decodeFailure } from "../rpc/codec.js";
import { statusToError } from "../rpc/errors.js";
import { writeMessagePrefix } from "../rpc/framing.js";
import { type InboxOwner, MessageInbox, type MessageLimits } from "../rpc/message-inbox.js";
import type { RpcMethod } from "../rpc/method.js";
import { encodeOutgoing, type OutgoingMessage, type SendCompression, settle } from "../rpc/outgoing.js";
import type { RpcStatus } from "../rpc/status.js";
import { Call, type CallSettings } from "./call.js";
import type { Channel } from "./channel.js";

const OK: RpcStatus = { code: 0, message: "" };

/** Gets the end of a {@link UnaryCall}. */
export interface UnaryResult {
  /** The call ended with status OK and one message. */
  onMessage(message: unknown, call: UnaryCall): void;
  /** The call failed. */
  onError(error: Error, call: UnaryCall | undefined): void;
}

/** What a client does with messages, whatever the call. */
export interface MessageOptions extends MessageLimits {
  /** How the messages of requests are compressed. Absent: not at all. */
  readonly compression?: SendCompression;
}

/** Encodes the request of a unary call and starts the call; `result` hears of everything, also of a bad request. */
export function startUnary(
  channel: Channel,
  method: RpcMethod,
  message: unknown,
  settings: CallSettings,
  options: MessageOptions,
  result: UnaryResult,
): void {
  const start = (request: OutgoingMessage): void => {
    new UnaryCall(channel, method, request, settings, options, result).start();
    settle(request);
  };
  try {
    const request = encodeOutgoing(method.requestCodec, message, options.compression, "until-over");
    if (request instanceof Promise)
      request.then(start, (error: unknown) => result.onError(ConnectError.from(error), undefined));
    else start(request);
  } catch (error) {
    // A message that is no such message, or headers that HTTP does not allow: the caller's mistake, before any IO.
    result.onError(ConnectError.from(error, Code.InvalidArgument), undefined);
  }
}

/** One message out, one message in. */
export class UnaryCall extends Call implements InboxOwner, MemoryOwner {
  readonly #request: OutgoingMessage;
  readonly #result: UnaryResult;
  readonly #options: MessageOptions;
  #inbox: MessageInbox;
  #message: unknown;
  #arrived = 0;
  /** Attempts that the request was sent with, and those of which it has left. */
  #sends = 0;
  #departures = 0;
  /** What is wrong with the answer. */
  #failure: RpcStatus | undefined;

  constructor(
    channel: Channel,
    method: RpcMethod,
    request: OutgoingMessage,
    settings: CallSettings,
    options: MessageOptions,
    result: UnaryResult,
  ) {
    super(channel, method, settings);
    this.#request = request;
    if (request.isCompressed) this.sendEncoding = "gzip";
    this.#options = options;
    this.#result = result;
    this.#inbox = new MessageInbox(this, options, true);
  }

  /** The response headers, once the call ended. */
  get headers(): HeaderFields {
    return this.responseHeaders ?? [];
  }

  /** The response trailers, once the call ended. */
  get trailers(): HeaderFields {
    return this.responseTrailers ?? [];
  }

  onData(bytes: Uint8Array): void {
    this.#inbox.receive(bytes);
    if (this.#arrived > 0 && this.#inbox.waitingBytes > 0) this.#refuseMore();
    this.onBacklog();
  }

  onArrived(): void {
    this.stream?.progress();
    this.#arrived += 1;
  }

  onBacklog(): void {
    const byteCount = this.#inbox.claim();
    if (byteCount > 0) this.stream?.consume(byteCount);
  }

  onPlain(bytes: Uint8Array): void {
    try {
      this.#message = this.method.responseCodec.decode(bytes);
    } catch (error) {
      const { status, exceeded } = decodeFailure(this.method.desc.output.typeName, error);
      if (exceeded !== undefined) this.tellLimit(exceeded);
      this.#fail(status);
    }
  }

  onBodyEnd(): void {
    this.#result.onMessage(this.#message, this);
  }

  onBodyFailure(status: RpcStatus): void {
    this.#fail(status);
  }

  onLimit(exceeded: LimitExceeded): void {
    this.tellLimit(exceeded);
  }

  onWritable(): void {}

  protected override sendRequest(connection: Http2Connection): void {
    const { prefix } = this.channel;
    const { bytes, isCompressed } = this.#request;
    writeMessagePrefix(prefix, isCompressed, bytes.length);
    const stream = connection.openStream(this.method.requestHeaders, this.requestFields(), false, this);
    this.stream = stream;
    this.#sends += 1;
    stream.sendData(bytes, true, prefix, typeof this.#request.memory === "object" ? this : "kept");
  }

  fill(byteCount: number): void {
    const { memory } = this.#request;
    if (typeof memory === "object") memory.fill?.(byteCount);
  }

  onLeft(): void {
    this.#departures += 1;
    if (this.isDone) this.#freeRequest();
  }

  protected override onResponseHeaders(encoding: string): void {
    this.#inbox.encoding = encoding;
  }

  protected override resetResponse(): void {
    this.#inbox.close();
    this.#inbox = new MessageInbox(this, this.#options, true);
    this.#message = undefined;
    this.#arrived = 0;
    this.#failure = undefined;
  }

  protected override checkResponse(): RpcStatus {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#inbox.isPartial) return { code: Code.Internal, message: "the server's message ended early" };
    if (this.#arrived === 0) return { code: Code.Unimplemented, message: "the server answered without a message" };
    return OK;
  }

  protected override onFinished(status: RpcStatus): void {
    this.#freeRequest();
    if (status.code === 0) {
      this.#inbox.end();
      return;
    }
    this.#inbox.close();
    this.#result.onError(statusToError(status, this.metadata), this);
  }

  /** Nobody sends the request again: its memory may be used again, once it is nowhere on its way. */
  #freeRequest(): void {
    const { memory } = this.#request;
    if (typeof memory === "object" && this.#departures === this.#sends) memory.onLeft();
  }

  /** gRPC doc/statuscodes.md: a response cardinality violation. Told at once, whether the server ever ends or not. */
  #refuseMore(): void {
    this.#fail({ code: Code.Unimplemented, message: "the server sent more than one message for a unary call" });
  }

  #fail(status: RpcStatus): void {
    if (this.#failure !== undefined) return;
    this.#failure = status;
    this.#inbox.close();
    // After the end of the stream only the message was still awaited.
    if (this.isDone) this.#result.onError(statusToError(status, this.metadata), this);
    else this.endAttempt(status, false);
  }
}
