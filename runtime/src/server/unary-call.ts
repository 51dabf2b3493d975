import { Code } from "@connectrpc/connect";
import type { HeaderFields, Http2Stream } from "../http2/types.js";
import { encodeOutgoing, type OutgoingMessage } from "../rpc/outgoing.js";
import type { Invoke, ServedMethod } from "./method-table.js";
import { type CallEnvironment, ServerCall } from "./server-call.js";

/** One request, one response. Without surprises it awaits nothing but its handler. */
export class UnaryServerCall extends ServerCall {
  readonly #run: Extract<Invoke, { kind: "unary" }>["run"];
  #request: unknown;
  #arrived = 0;

  constructor(
    stream: Http2Stream,
    method: ServedMethod,
    run: Extract<Invoke, { kind: "unary" }>["run"],
    fields: HeaderFields,
    timeoutMs: number | undefined,
    environment: CallEnvironment,
  ) {
    super(stream, method, fields, timeoutMs, environment, true);
    this.#run = run;
  }

  onData(bytes: Uint8Array, endStream: boolean): void {
    this.inbox.receive(bytes);
    if (this.#arrived > 0 && this.inbox.waitingBytes > 0) this.#refuseMore();
    else if (endStream) this.inbox.end();
    this.giveBack();
  }

  override onArrived(): void {
    super.onArrived();
    this.#arrived += 1;
  }

  onWritable(): void {}

  protected override onRequest(message: unknown): void {
    this.#request = message;
  }

  protected override onRequestEnd(): void {
    if (this.#arrived === 0) {
      this.failRequest({ code: Code.Unimplemented, message: "a unary call takes one request, and got none" });
      return;
    }
    this.startWork();
    // The call lives until its answer has left, which may be long after the handler is done with the request.
    const request = this.#request;
    this.#request = undefined;
    let result: unknown;
    try {
      result = this.#run(request, this.context);
      if (isThenable(result)) {
        result.then(
          (message) => this.#respond(message),
          (error: unknown) => this.#giveUp(error),
        );
        return;
      }
    } catch (error) {
      this.#giveUp(error);
      return;
    }
    this.#respond(result);
  }

  // The handler learns it from its signal; there is nothing else to stop.
  protected override onCallAbandoned(): void {}

  #giveUp(error: unknown): void {
    this.endWork();
    this.failWith(error);
  }

  #respond(message: unknown): void {
    this.endWork();
    if (this.isOver) return;
    let encoded: OutgoingMessage | Promise<OutgoingMessage>;
    try {
      encoded = encodeOutgoing(this.method.responseCodec, message, this.compression, "until-sent");
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.fail({ code: Code.Internal, message: `can't encode ${this.method.desc.output.typeName}: ${reason}` });
      return;
    }
    if (encoded instanceof Promise)
      encoded.then(
        (outgoing) => this.#finish(outgoing),
        (error) => this.failWith(error),
      );
    else this.#finish(encoded);
  }

  #finish(outgoing: OutgoingMessage): void {
    if (this.isOver) return;
    this.sendMessage(outgoing);
    this.succeed();
  }

  /** gRPC doc/statuscodes.md: a request cardinality violation. Told at once, whether its client ever ends or not. */
  #refuseMore(): void {
    this.failRequest({ code: Code.Unimplemented, message: "a unary call takes one request, and got more" });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
