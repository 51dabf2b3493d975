import type { DescMethod, DescService } from "@bufbuild/protobuf";
import {
  type Code,
  ConnectError,
  type ContextValues,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import type { HeaderFields } from "../http2/types.js";
import { fieldsToHeaders, headersToFields, lookup } from "../rpc/metadata.js";

/** What a {@link CallContext} is made of. */
export interface CallContextInit {
  readonly method: DescMethod;
  readonly requestFields: HeaderFields;
  /** Milliseconds left until the deadline, now. Undefined without one. */
  remainingMs(): number | undefined;
}

/**
 * What a handler sees of its call beside the messages. Most handlers look at nothing of it, so everything that costs
 * is made when somebody looks.
 */
export class CallContext implements HandlerContext {
  readonly method: DescMethod;
  readonly requestMethod = "POST";
  readonly protocolName = "grpc";
  readonly #init: CallContextInit;
  #requestHeader: Headers | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  #values: ContextValues | undefined;
  #controller: AbortController | undefined;
  #abortReason: ConnectError | undefined;
  #isOver = false;

  constructor(init: CallContextInit) {
    this.method = init.method;
    this.#init = init;
  }

  get service(): DescService {
    return this.method.parent;
  }

  get url(): string {
    const { requestFields } = this.#init;
    const authority = lookup(requestFields, ":authority") ?? lookup(requestFields, "host") ?? "localhost";
    return `http://${authority}${lookup(requestFields, ":path") ?? "/"}`;
  }

  get timeoutMs(): () => number | undefined {
    return () => this.#init.remainingMs();
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isOver) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  get requestHeader(): Headers {
    this.#requestHeader ??= fieldsToHeaders(this.#init.requestFields);
    return this.#requestHeader;
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }

  get values(): ContextValues {
    this.#values ??= createContextValues();
    return this.#values;
  }

  /** The response headers that the handler set. */
  get responseHeaderFields(): string[] | undefined {
    return headersToFields(this.#responseHeader);
  }

  /** The response trailers that the handler set. */
  get responseTrailerFields(): string[] | undefined {
    return headersToFields(this.#responseTrailer);
  }

  /** Tells the handler that nobody waits for it any more. */
  abort(code: Code, message: string): void {
    if (this.#isOver) return;
    this.#abortReason = new ConnectError(message, code);
    this.finish();
  }

  /** The call came to its end: as in Connect, what was bound to its signal can go. */
  finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller?.abort(this.#abortReason);
  }
}

/** The same context as a plain object with everything made: Connect's helpers copy contexts property by property. */
export function plainContext(context: HandlerContext): HandlerContext {
  return {
    method: context.method,
    service: context.service,
    protocolName: context.protocolName,
    requestMethod: context.requestMethod,
    url: context.url,
    timeoutMs: context.timeoutMs,
    signal: context.signal,
    requestHeader: context.requestHeader,
    responseHeader: context.responseHeader,
    responseTrailer: context.responseTrailer,
    values: context.values,
  };
}
