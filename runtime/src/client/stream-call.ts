import { Code, ConnectError } from "@connectrpc/connect";
import type { HeaderFields, Http2Connection, LimitExceeded } from "../http2/types.js";
import { decodeFailure } from "../rpc/codec.js";
import { errorToStatus, statusToError } from "../rpc/errors.js";
import { writeMessagePrefix } from "../rpc/framing.js";
import { type InboxOwner, MessageInbox } from "../rpc/message-inbox.js";
import { MessageQueue, type QueueOwner } from "../rpc/message-queue.js";
import type { RpcMethod } from "../rpc/method.js";
import { encodeOutgoing, type OutgoingMessage } from "../rpc/outgoing.js";
import { OK, type RpcStatus } from "../rpc/status.js";
import { Call, type CallSettings } from "./call.js";
import type { Channel } from "./channel.js";
import type { MessageOptions } from "./unary-call.js";

// What a call sends is kept for another attempt up to this size (gRFC A6 suggests 256 KiB to 1 MiB).
const REPLAY_BYTES = 256 * 1024;

const EMPTY = new Uint8Array(0);
const PARTIAL: RpcStatus = { code: Code.Internal, message: "the server's message ended early" };

/** Gets the beginning of a {@link StreamCall}. */
export interface StreamResult {
  /** The response headers arrived; the messages follow on `call.messages`. */
  onHeaders(call: StreamCall): void;
  /** The call failed before its response headers arrived. */
  onError(error: Error): void;
}

/** Any number of messages in either direction. */
export class StreamCall extends Call implements InboxOwner, QueueOwner {
  /** The messages of the answer. */
  readonly messages: MessageQueue<unknown>;
  readonly #input: AsyncIterator<unknown>;
  readonly #options: MessageOptions;
  readonly #result: StreamResult;
  #inbox: MessageInbox;
  /** How the call ended, for whoever reads its messages up to there. */
  #end: Error | undefined;
  #replay: OutgoingMessage[] | undefined = [];
  #replayBytes = 0;
  #isPumping = false;
  #isInputDone = false;
  #isReported = false;
  #wakePump: (() => void) | undefined;

  constructor(
    channel: Channel,
    method: RpcMethod,
    input: AsyncIterable<unknown>,
    settings: CallSettings,
    options: MessageOptions,
    result: StreamResult,
  ) {
    super(channel, method, settings);
    this.messages = new MessageQueue(this);
    this.#input = input[Symbol.asyncIterator]();
    this.#options = options;
    this.sendEncoding = options.compression?.encoding;
    this.#result = result;
    this.#inbox = new MessageInbox(this, options, false);
  }

  /** The response headers, once they arrived. */
  get headers(): HeaderFields {
    return this.responseHeaders ?? [];
  }

  /** The response trailers, once the call ended. */
  get trailers(): HeaderFields {
    return this.responseTrailers ?? [];
  }

  onData(bytes: Uint8Array): void {
    this.#inbox.receive(bytes);
    this.onBacklog();
  }

  onArrived(): void {
    this.stream?.progress();
  }

  onBacklog(): void {
    const byteCount = this.#inbox.claim();
    if (byteCount > 0) this.stream?.consume(byteCount);
  }

  onPlain(bytes: Uint8Array, wireBytes: number, charge: number): void {
    let message: unknown;
    try {
      message = this.method.responseCodec.decode(bytes);
    } catch (error) {
      const { status, exceeded } = decodeFailure(this.method.desc.output.typeName, error);
      if (exceeded !== undefined) this.tellLimit(exceeded);
      this.#inbox.close();
      this.onBodyFailure(status);
      return;
    }
    this.messages.push(message, wireBytes, charge);
  }

  onBodyEnd(isPartial: boolean): void {
    this.messages.end(this.#end ?? (isPartial ? statusToError(PARTIAL, this.metadata) : undefined));
  }

  onBodyFailure(status: RpcStatus): void {
    // After the end of the stream messages may still have waited for their reader.
    if (this.isDone) this.messages.end(statusToError(status, this.metadata));
    else this.endAttempt(status, false);
  }

  onLimit(exceeded: LimitExceeded): void {
    this.tellLimit(exceeded);
  }

  onWritable(): void {
    this.#wakePump?.();
  }

  onAsked(): void {
    this.#inbox.ask();
    this.onBacklog();
  }

  onTaken(wireBytes: number, charge: number): void {
    this.#inbox.taken(wireBytes, charge);
    this.onBacklog();
  }

  onAbandoned(): void {
    this.#inbox.abandon();
    this.cancel({ code: Code.Canceled, message: "the caller left before the end of the answer" });
  }

  protected override sendRequest(connection: Http2Connection): void {
    const stream = connection.openStream(this.method.requestHeaders, this.requestFields(), false, this);
    this.stream = stream;
    for (const message of this.#replay ?? []) this.#send(message);
    if (this.#isInputDone) stream.sendData(EMPTY, true);
    else if (!this.#isPumping) void this.#pump();
    else this.#wakePump?.();
  }

  protected override onResponseHeaders(encoding: string): void {
    this.#inbox.encoding = encoding;
    // Trailers-only answers come as headers as well: their status decides first whether there is another attempt.
    if (this.responseTrailers === undefined) {
      this.isCommitted = true;
      this.#replay = undefined;
      this.#report();
    }
  }

  protected override resetResponse(): void {
    this.#inbox.close();
    this.#inbox = new MessageInbox(this, this.#options, false);
  }

  protected override checkResponse(): RpcStatus {
    return this.#inbox.isPartial ? PARTIAL : OK;
  }

  protected override onFinished(status: RpcStatus): void {
    this.#replay = undefined;
    this.#wakePump?.();
    if (!this.#isInputDone) void this.#leaveInput();
    const error = status.code === 0 ? undefined : statusToError(status, this.metadata);
    if (!this.#isReported && error !== undefined) {
      this.#isReported = true;
      this.#inbox.close();
      this.#result.onError(error);
      this.messages.end();
      return;
    }
    this.#report();
    this.#end = error;
    // The last word comes after the messages that arrived before it.
    if (this.#inbox.isClosed) this.messages.end(error);
    else this.#inbox.end();
  }

  #report(): void {
    if (this.#isReported) return;
    this.#isReported = true;
    this.#result.onHeaders(this);
  }

  #send({ bytes, isCompressed, memory }: OutgoingMessage): boolean {
    const { prefix } = this.channel;
    writeMessagePrefix(prefix, isCompressed, bytes.length);
    return this.stream?.sendData(bytes, false, prefix, memory) ?? true;
  }

  /** Moves the caller's messages to the stream, as fast as the peer takes them. */
  async #pump(): Promise<void> {
    this.#isPumping = true;
    try {
      while (!this.isDone) {
        const { done, value } = await this.#input.next();
        if (done === true) break;
        if (this.isDone) return;
        // What another attempt may need is kept.
        const isSentOnce = this.#replay === undefined && this.stream !== undefined;
        const needed = isSentOnce ? "until-sent" : "for-ever";
        const encoded = encodeOutgoing(this.method.requestCodec, value, this.#options.compression, needed);
        const message = encoded instanceof Promise ? await encoded : encoded;
        if (this.isDone) return;
        this.#keep(message);
        // Without a stream, between two attempts, messages wait in the replay buffer, as many as it takes.
        if (this.stream !== undefined ? !this.#send(message) : this.#isReplayFull) await this.#writable();
      }
      this.#isInputDone = true;
      if (!this.isDone) this.stream?.sendData(EMPTY, true);
    } catch (error) {
      this.#isInputDone = true;
      const status = error instanceof ConnectError ? errorToStatus(error) : undefined;
      const reason = error instanceof Error ? error.message : String(error);
      this.cancel(status ?? { code: Code.Canceled, message: `the request stream failed: ${reason}` });
    }
  }

  get #isReplayFull(): boolean {
    return this.#replay === undefined || this.#replayBytes > REPLAY_BYTES;
  }

  #keep(message: OutgoingMessage): void {
    if (this.#replay === undefined) return;
    this.#replayBytes += message.bytes.length;
    if (this.#replayBytes > REPLAY_BYTES && this.stream !== undefined) {
      this.isCommitted = true;
      this.#replay = undefined;
    } else {
      this.#replay.push(message);
    }
  }

  #writable(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakePump = () => {
        this.#wakePump = undefined;
        resolve();
      };
    });
  }

  async #leaveInput(): Promise<void> {
    this.#isInputDone = true;
    try {
      await this.#input.return?.();
    } catch {
      // The call is over; what the caller's generator throws while it is closed concerns nobody.
    }
  }
}
