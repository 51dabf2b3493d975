import { Code, ConnectError } from "@connectrpc/connect";
import type { HeaderFields, Http2Connection } from "../http2/types.js";
import { type CodingResult, decompress } from "../rpc/compression.js";
import { errorToStatus, statusToError } from "../rpc/errors.js";
import { MessageReader, type MessageSink, PREFIX_BYTES, writeMessagePrefix } from "../rpc/framing.js";
import { MessageQueue, type QueueOwner } from "../rpc/message-queue.js";
import type { RpcMethod } from "../rpc/method.js";
import { encodeOutgoing, type OutgoingMessage } from "../rpc/outgoing.js";
import { ReceiveCredit } from "../rpc/receive-credit.js";
import { OK, type RpcStatus } from "../rpc/status.js";
import { Call, type CallSettings } from "./call.js";
import type { Channel } from "./channel.js";
import type { MessageOptions } from "./unary-call.js";

// What a call sends is kept for another attempt up to this size (gRFC A6 suggests 256 KiB to 1 MiB).
const REPLAY_BYTES = 256 * 1024;

const EMPTY = new Uint8Array(0);

/** Gets the beginning of a {@link StreamCall}. */
export interface StreamResult {
  /** The response headers arrived; the messages follow on `call.messages`. */
  onHeaders(call: StreamCall): void;
  /** The call failed before its response headers arrived. */
  onError(error: Error): void;
}

/** Any number of messages in either direction. */
export class StreamCall extends Call implements MessageSink, QueueOwner {
  /** The messages of the answer. */
  readonly messages: MessageQueue<unknown>;
  readonly #input: AsyncIterator<unknown>;
  readonly #options: MessageOptions;
  readonly #result: StreamResult;
  #reader: MessageReader;
  #credit = new ReceiveCredit();
  #encoding = "identity";
  #replay: OutgoingMessage[] | undefined = [];
  #replayBytes = 0;
  #isPumping = false;
  #isInputDone = false;
  #isReported = false;
  #wakePump: (() => void) | undefined;
  // Compressed messages may take their time; what follows waits for them.
  #decoding: Promise<void> | undefined;

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
    this.#reader = new MessageReader(this, options.readMaxBytes);
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
    this.#credit.receive(bytes.byteLength);
    const failure = this.#reader.read(bytes);
    if (failure !== undefined) this.endAttempt(failure, false);
    else this.#giveBack();
  }

  onMessage(bytes: Uint8Array, compressed: boolean): void {
    this.isCommitted = true;
    this.#replay = undefined;
    const byteCount = bytes.byteLength + PREFIX_BYTES;
    this.#credit.hold(byteCount);
    if (!compressed && this.#decoding === undefined) {
      this.#deliver(bytes, byteCount);
      return;
    }
    const plain = compressed
      ? decompress(this.#encoding, bytes, this.#options.readMaxBytes)
      : { kind: "ok" as const, bytes };
    if (this.#decoding === undefined && !(plain instanceof Promise)) {
      this.#deliverDecompressed(plain, byteCount);
      return;
    }
    const decoding = Promise.all([plain, this.#decoding]).then(([result]) => {
      if (this.#decoding === decoding) this.#decoding = undefined;
      this.#deliverDecompressed(result, byteCount);
    });
    this.#decoding = decoding;
  }

  onWritable(): void {
    this.#wakePump?.();
  }

  onConsumed(byteCount: number): void {
    this.#credit.release(byteCount);
    this.#giveBack();
  }

  onAbandoned(): void {
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
    this.#encoding = encoding;
    // Trailers-only answers come as headers as well: their status decides first whether there is another attempt.
    if (this.responseTrailers === undefined) {
      this.isCommitted = true;
      this.#replay = undefined;
      this.#report();
    }
  }

  protected override resetResponse(): void {
    this.#reader = new MessageReader(this, this.#options.readMaxBytes);
    this.#credit = new ReceiveCredit();
  }

  protected override checkResponse(): RpcStatus {
    return this.#reader.isPartial ? { code: Code.Internal, message: "the server's message ended early" } : OK;
  }

  protected override onFinished(status: RpcStatus): void {
    this.#replay = undefined;
    this.#wakePump?.();
    if (!this.#isInputDone) void this.#leaveInput();
    const error = status.code === 0 ? undefined : statusToError(status, this.metadata);
    if (!this.#isReported && error !== undefined) {
      this.#isReported = true;
      this.#result.onError(error);
      this.messages.end();
      return;
    }
    this.#report();
    if (this.#decoding === undefined) this.messages.end(error);
    else void this.#decoding.then(() => this.messages.end(error));
  }

  #report(): void {
    if (this.#isReported) return;
    this.#isReported = true;
    this.#result.onHeaders(this);
  }

  #giveBack(): void {
    const byteCount = this.#credit.claim();
    if (byteCount > 0) this.stream?.consume(byteCount);
  }

  #deliverDecompressed(result: CodingResult, byteCount: number): void {
    if (result.kind === "ok") this.#deliver(result.bytes, byteCount);
    else this.endAttempt(result.status, false);
  }

  #deliver(bytes: Uint8Array, byteCount: number): void {
    let message: unknown;
    try {
      message = this.method.responseCodec.decode(bytes);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.endAttempt(
        { code: Code.Internal, message: `can't decode ${this.method.desc.output.typeName}: ${reason}` },
        false,
      );
      return;
    }
    this.messages.push(message, byteCount);
  }

  #send({ bytes, isCompressed }: OutgoingMessage): boolean {
    const { prefix } = this.channel;
    writeMessagePrefix(prefix, isCompressed, bytes.byteLength);
    return this.stream?.sendData(bytes, false, prefix) ?? true;
  }

  /** Moves the caller's messages to the stream, as fast as the peer takes them. */
  async #pump(): Promise<void> {
    this.#isPumping = true;
    try {
      while (!this.isDone) {
        const { done, value } = await this.#input.next();
        if (done === true) break;
        if (this.isDone) return;
        const encoded = encodeOutgoing(this.method.requestCodec, value, this.#options.compression);
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
    this.#replayBytes += message.bytes.byteLength;
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
