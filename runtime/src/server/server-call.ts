import { Code } from "@connectrpc/connect";
import type { Clock, Timer } from "../base/clock.js";
import type { WorkTurn } from "../base/work-turn.js";
import type {
  HeaderFields,
  HeaderTemplate,
  Http2Stream,
  LimitExceeded,
  StreamError,
  StreamHandler,
} from "../http2/types.js";
import { encodeBase64 } from "../rpc/base64.js";
import { decodeFailure } from "../rpc/codec.js";
import { errorToStatus } from "../rpc/errors.js";
import { writeMessagePrefix } from "../rpc/framing.js";
import { type InboxOwner, MessageInbox, type MessageLimits } from "../rpc/message-inbox.js";
import type { MessageRoom } from "../rpc/message-room.js";
import { headersToFields, lookup } from "../rpc/metadata.js";
import type { OutgoingMessage, SendCompression } from "../rpc/outgoing.js";
import { encodeMessage, type RpcStatus } from "../rpc/status.js";
import { CallContext } from "./handler-context.js";
import type { ServedMethod } from "./method-table.js";

/** What the calls of a connection share. */
export interface CallEnvironment extends MessageLimits {
  readonly clock: Clock;
  /** Where the memory of large requests is set aside. */
  readonly messageRoom: MessageRoom;
  /** How responses are compressed for clients that can read that. */
  readonly compression?: SendCompression;
  /** Scratch for the prefix of a message; it is copied before the next one is written. */
  readonly prefix: Uint8Array;
  /** What the streaming handlers of all connections send in one turn. */
  readonly turn: WorkTurn;
  /** A handler began to work. */
  onCallStart(): void;
  /** It came to its end, which may be later than the end of its stream. */
  onCallEnd(): void;
  /** The client went over a limit. */
  onLimit(exceeded: LimitExceeded): void;
}

const RESPONSE_HEADERS: HeaderTemplate = {
  fields: [":status", "200", "content-type", "application/grpc", "grpc-accept-encoding", "gzip,identity"],
};
const OK_TRAILERS: HeaderTemplate = { fields: ["grpc-status", "0"] };
const NO_FIELDS: HeaderTemplate = { fields: [] };

/**
 * The server side of one call, whatever its kind.
 *
 * ```
 *   request headers -> messages -> handler -> response headers -> messages -> status
 *          \____________________________________________________________________/
 *            any time: cancelled by the client, deadline exceeded, broken request
 * ```
 *
 * Exactly one status leaves it, or none when the client has gone.
 */
export abstract class ServerCall implements StreamHandler, InboxOwner {
  protected readonly method: ServedMethod;
  protected readonly environment: CallEnvironment;
  protected readonly stream: Http2Stream;
  protected readonly context: CallContext;
  protected readonly inbox: MessageInbox;
  /** No status can be sent any more: it was, or the client has gone. */
  protected isOver = false;
  /** How this client's responses are compressed; undefined when none is. */
  protected readonly compression: SendCompression | undefined;
  #deadline: Timer | undefined;
  #didSendHeaders = false;
  #isWorking = false;

  protected constructor(
    stream: Http2Stream,
    method: ServedMethod,
    fields: HeaderFields,
    timeoutMs: number | undefined,
    environment: CallEnvironment,
    isUnary: boolean,
  ) {
    this.stream = stream;
    this.method = method;
    this.environment = environment;
    this.inbox = new MessageInbox(this, environment, isUnary);
    this.inbox.encoding = lookup(fields, "grpc-encoding") ?? "identity";
    const { clock, compression } = environment;
    this.compression =
      compression !== undefined && acceptsEncoding(fields, compression.encoding) ? compression : undefined;
    const deadlineAtMs = timeoutMs === undefined ? undefined : clock.nowMs() + timeoutMs;
    this.context = new CallContext({
      method: method.desc,
      requestFields: fields,
      remainingMs: () => (deadlineAtMs === undefined ? undefined : Math.max(0, deadlineAtMs - clock.nowMs())),
    });
    if (timeoutMs !== undefined) this.#deadline = clock.setTimer(timeoutMs, () => this.#onDeadline());
  }

  /** A decoded request. */
  protected abstract onRequest(message: unknown, wireBytes: number, charge: number): void;
  /** The client sent its last message. */
  protected abstract onRequestEnd(): void;
  /** Nobody waits any more; why is in the context's `abortReason`. */
  protected abstract onCallAbandoned(): void;

  abstract onData(bytes: Uint8Array, endStream: boolean): void;
  abstract onWritable(): void;

  /** Trailers of a client mean nothing in gRPC but the end of its stream. */
  onHeaders(_fields: HeaderFields, endStream: boolean): void {
    if (endStream) this.inbox.end();
  }

  get messageRoom(): MessageRoom {
    return this.environment.messageRoom;
  }

  onArrived(): void {
    this.stream.progress();
  }

  onBacklog(): void {
    this.giveBack();
  }

  onPlain(bytes: Uint8Array, wireBytes: number, charge: number): void {
    let message: unknown;
    try {
      message = this.method.requestCodec.decode(bytes);
    } catch (error) {
      const { status, exceeded } = decodeFailure(this.method.desc.input.typeName, error);
      if (exceeded !== undefined) this.onLimit(exceeded);
      this.failRequest(status);
      return;
    }
    this.onRequest(message, wireBytes, charge);
  }

  onBodyEnd(isPartial: boolean): void {
    if (isPartial) this.failRequest({ code: Code.Internal, message: "the request message ended early" });
    else this.onRequestEnd();
  }

  onBodyFailure(status: RpcStatus): void {
    this.failRequest(status);
  }

  onLimit(exceeded: LimitExceeded): void {
    this.environment.onLimit(exceeded);
  }

  onClose(error: StreamError | undefined): void {
    if (this.isOver) return;
    this.#over();
    const reason = error === undefined ? "the stream ended" : `the client is gone: ${error.message}`;
    this.context.abort(Code.Canceled, reason);
    this.onCallAbandoned();
  }

  /**
   * The handler begins: its place among the client's streams is taken until it has come to its end, which neither a
   * reset nor a deadline can hurry.
   */
  protected startWork(): void {
    this.#isWorking = true;
    this.environment.onCallStart();
    this.stream.hold();
  }

  /** The handler came to its end. */
  protected endWork(): void {
    if (!this.#isWorking) return;
    this.#isWorking = false;
    this.stream.release();
    this.environment.onCallEnd();
  }

  /** Lets the client send as much more as is not kept any longer. */
  protected giveBack(): void {
    const byteCount = this.inbox.claim();
    if (byteCount > 0) this.stream.consume(byteCount);
  }

  /** Sends the response headers, once. */
  protected sendHeaders(): void {
    if (this.#didSendHeaders) return;
    this.#didSendHeaders = true;
    const fields = this.context.responseHeaderFields;
    const encoding = this.compression === undefined ? undefined : ["grpc-encoding", this.compression.encoding];
    this.stream.sendHeaders(
      RESPONSE_HEADERS,
      encoding === undefined ? fields : [...encoding, ...(fields ?? [])],
      false,
    );
  }

  /** Sends a message; false when the sender should wait for `onWritable`. */
  protected sendMessage({ bytes, isCompressed, memory }: OutgoingMessage): boolean {
    const { prefix } = this.environment;
    writeMessagePrefix(prefix, isCompressed, bytes.length);
    this.sendHeaders();
    return this.stream.sendData(bytes, false, prefix, memory);
  }

  /** Ends the call with status OK. */
  protected succeed(): void {
    if (this.isOver) return;
    this.sendHeaders();
    this.#over();
    this.stream.sendHeaders(OK_TRAILERS, this.context.responseTrailerFields, true);
    this.context.finish();
  }

  /** Ends the call because of what a handler threw. */
  protected failWith(error: unknown): void {
    const metadata = (error as { metadata?: unknown } | null | undefined)?.metadata;
    this.fail(errorToStatus(error), metadata instanceof Headers ? headersToFields(metadata) : undefined);
  }

  /** Ends the call with a status that is not OK. */
  protected fail(status: RpcStatus, metadata?: string[]): void {
    if (this.isOver) return;
    this.#over();
    const fields = statusFields(status);
    for (const more of [metadata, this.context.responseTrailerFields]) if (more !== undefined) fields.push(...more);
    if (this.#didSendHeaders) {
      this.stream.sendHeaders(NO_FIELDS, fields, true);
    } else {
      const headers = this.context.responseHeaderFields;
      this.stream.sendHeaders(RESPONSE_HEADERS, headers === undefined ? fields : [...headers, ...fields], true);
    }
    this.context.finish();
  }

  #over(): void {
    this.isOver = true;
    this.inbox.close();
    this.#deadline?.cancel();
  }

  #onDeadline(): void {
    if (this.isOver) return;
    this.context.abort(Code.DeadlineExceeded, "the operation timed out");
    this.fail({ code: Code.DeadlineExceeded, message: "the operation timed out" });
    this.onCallAbandoned();
  }

  /** Ends the call because of what the client sent, and tells the handler. */
  protected failRequest(status: RpcStatus): void {
    if (this.isOver) return;
    this.context.abort(status.code, status.message);
    this.fail(status);
    this.onCallAbandoned();
  }
}

function acceptsEncoding(fields: HeaderFields, encoding: string): boolean {
  const accepted = lookup(fields, "grpc-accept-encoding") ?? "";
  return accepted.split(",").some((name) => name.trim() === encoding);
}

/** Refuses a call before it has a handler: trailers only. */
export function refuse(stream: Http2Stream, status: RpcStatus): void {
  stream.sendHeaders(RESPONSE_HEADERS, statusFields(status), true);
}

function statusFields({ code, message, details }: RpcStatus): string[] {
  const fields = ["grpc-status", String(code)];
  if (message !== "") fields.push("grpc-message", encodeMessage(message));
  if (details !== undefined) fields.push("grpc-status-details-bin", encodeBase64(details));
  return fields;
}
