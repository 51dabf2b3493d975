import type { HeaderFields, Http2Stream } from "../http2/types.js";
import { MessageQueue, type QueueOwner } from "../rpc/message-queue.js";
import { encodeOutgoing } from "../rpc/outgoing.js";
import type { Invoke, ServedMethod } from "./method-table.js";
import { type CallEnvironment, ServerCall } from "./server-call.js";

/** Any number of messages in either direction. */
export class StreamServerCall extends ServerCall implements QueueOwner {
  readonly #run: Extract<Invoke, { kind: "stream" }>["run"];
  readonly #requests: MessageQueue<unknown>;
  #wake: (() => void) | undefined;

  constructor(
    stream: Http2Stream,
    method: ServedMethod,
    run: Extract<Invoke, { kind: "stream" }>["run"],
    fields: HeaderFields,
    timeoutMs: number | undefined,
    environment: CallEnvironment,
  ) {
    super(stream, method, fields, timeoutMs, environment, false);
    this.#run = run;
    this.#requests = new MessageQueue(this);
    void this.#serve();
  }

  onData(bytes: Uint8Array, endStream: boolean): void {
    this.inbox.receive(bytes);
    if (endStream) this.inbox.end();
    this.giveBack();
  }

  onWritable(): void {
    this.#wake?.();
  }

  onAsked(): void {
    this.inbox.ask();
    this.giveBack();
  }

  onTaken(wireBytes: number, charge: number): void {
    this.inbox.taken(wireBytes, charge);
    this.giveBack();
  }

  /** A handler may leave its requests and still answer: the rest is dropped, and must not block its sender. */
  onAbandoned(): void {
    this.inbox.abandon();
    this.giveBack();
  }

  protected override onCallAbandoned(): void {
    this.#requests.end(this.context.abortReason);
    this.#wake?.();
  }

  protected override onRequest(message: unknown, wireBytes: number, charge: number): void {
    this.#requests.push(message, wireBytes, charge);
  }

  protected override onRequestEnd(): void {
    this.#requests.end();
  }

  async #serve(): Promise<void> {
    this.startWork();
    try {
      for await (const message of await this.#run(this.#requests, this.context)) {
        // Leaving the loop closes the handler's generator, so that its `finally` blocks run.
        if (this.isOver) break;
        const encoded = encodeOutgoing(this.method.responseCodec, message, this.compression, "until-sent");
        const outgoing = encoded instanceof Promise ? await encoded : encoded;
        if (this.isOver) break;
        if (this.sendMessage(outgoing)) {
          // A handler that never has to wait would go on by promises alone, and nobody else would have a turn.
          const { turn } = this.environment;
          if (!turn.isOver()) continue;
          await new Promise<void>((resolve) => turn.next(resolve));
        } else {
          await this.#writable();
        }
        if (this.isOver) break;
      }
      this.succeed();
    } catch (error) {
      this.failWith(error);
    } finally {
      this.endWork();
      await this.#requests.return();
    }
  }

  #writable(): Promise<void> {
    if (this.isOver) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
