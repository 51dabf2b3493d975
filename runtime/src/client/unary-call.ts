import { Code, ConnectError } from "@connectrpc/connect";
import type { HeaderFields, Http2Connection } from "../http2/types.js";
import { decompress } from "../rpc/compression.js";
import { statusToError } from "../rpc/errors.js";
import { MessageReader, type MessageSink, writeMessagePrefix } from "../rpc/framing.js";
import type { RpcMethod } from "../rpc/method.js";
import { encodeOutgoing, type OutgoingMessage, type SendCompression } from "../rpc/outgoing.js";
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
export interface MessageOptions {
  /** Largest message that is accepted, bytes. Defaults to 4 MiB. */
  readonly readMaxBytes: number;
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
  };
  try {
    const request = encodeOutgoing(method.requestCodec, message, options.compression);
    if (request instanceof Promise)
      request.then(start, (error: unknown) => result.onError(ConnectError.from(error), undefined));
    else start(request);
  } catch (error) {
    // A message that is no such message, or headers that HTTP does not allow: the caller's mistake, before any IO.
    result.onError(ConnectError.from(error, Code.InvalidArgument), undefined);
  }
}

/** One message out, one message in. */
export class UnaryCall extends Call implements MessageSink {
  readonly #request: OutgoingMessage;
  readonly #result: UnaryResult;
  readonly #options: MessageOptions;
  #reader: MessageReader;
  #encoding = "identity";
  #message: unknown;
  #messages = 0;
  #decompressing: Promise<void> | undefined;
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
    this.#reader = new MessageReader(this, options.readMaxBytes);
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
    this.stream?.consume(bytes.byteLength);
    const failure = this.#failure ?? this.#reader.read(bytes);
    if (failure !== undefined && !this.isDone) this.endAttempt(failure, false);
  }

  onMessage(bytes: Uint8Array, compressed: boolean): void {
    this.#messages += 1;
    if (this.#messages > 1) {
      this.#failure = { code: Code.Unimplemented, message: "the server sent more than one message for a unary call" };
      return;
    }
    if (compressed) {
      this.#decompress(bytes);
    } else {
      this.#decode(bytes);
    }
  }

  onWritable(): void {}

  protected override sendRequest(connection: Http2Connection): void {
    const { prefix } = this.channel;
    const { bytes, isCompressed } = this.#request;
    writeMessagePrefix(prefix, isCompressed, bytes.byteLength);
    const stream = connection.openStream(this.method.requestHeaders, this.requestFields(), false, this);
    this.stream = stream;
    stream.sendData(bytes, true, prefix);
  }

  protected override onResponseHeaders(encoding: string): void {
    this.#encoding = encoding;
  }

  protected override resetResponse(): void {
    this.#reader = new MessageReader(this, this.#options.readMaxBytes);
    this.#message = undefined;
    this.#messages = 0;
    this.#failure = undefined;
  }

  protected override checkResponse(): RpcStatus {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#reader.isPartial) return { code: Code.Internal, message: "the server's message ended early" };
    if (this.#messages === 0) return { code: Code.Unimplemented, message: "the server answered without a message" };
    return OK;
  }

  protected override onFinished(status: RpcStatus): void {
    if (status.code !== 0) {
      this.#result.onError(statusToError(status, this.metadata), this);
    } else if (this.#decompressing === undefined) {
      this.#result.onMessage(this.#message, this);
    } else {
      void this.#decompressing.then(() => {
        if (this.#failure === undefined) this.#result.onMessage(this.#message, this);
        else this.#result.onError(statusToError(this.#failure, this.metadata), this);
      });
    }
  }

  #decode(bytes: Uint8Array): void {
    try {
      this.#message = this.method.responseCodec.decode(bytes);
    } catch (error) {
      this.#failure = {
        code: Code.Internal,
        message: `can't decode ${this.method.desc.output.typeName}: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  }

  #decompress(bytes: Uint8Array): void {
    const plain = decompress(this.#encoding, bytes, this.#options.readMaxBytes);
    if (plain instanceof Promise) {
      this.#decompressing = plain.then((result) => this.#takePlain(result));
    } else {
      this.#takePlain(plain);
    }
  }

  #takePlain(result: Awaited<ReturnType<typeof decompress>>): void {
    if (result.kind === "failed") this.#failure = result.status;
    else this.#decode(result.bytes);
  }
}
