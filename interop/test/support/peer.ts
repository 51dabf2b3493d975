import type {
  BidiStreamResponse,
  ClientStreamResponse,
  ServerStreamResponse,
  UnaryResponse,
} from "@meshwright/interop/gen/meshwright/interop/v1/interop_pb";

/** A request as the cases write it: some fields of the message. */
export interface UnaryInput {
  readonly text?: string;
  readonly payload?: Uint8Array;
  readonly delayMs?: number;
  readonly failCode?: number;
  readonly failMessage?: string;
}

/** What a case may set on a call. */
export interface PeerOptions {
  readonly headers?: Record<string, string>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What a unary call brought. */
export interface UnaryOutcome {
  readonly message: UnaryResponse;
  readonly headers: Headers;
  readonly trailers: Headers;
}

/** A client of InteropService, whatever library it is made with. Failures are `ConnectError`s. */
export interface Peer {
  unary(request: UnaryInput, options?: PeerOptions): Promise<UnaryOutcome>;
  serverStream(
    request: { readonly text: string; readonly count: number; readonly delayMs?: number },
    options?: PeerOptions,
  ): AsyncIterable<ServerStreamResponse>;
  clientStream(requests: AsyncIterable<{ readonly payload: Uint8Array }>): Promise<ClientStreamResponse>;
  bidiStream(requests: AsyncIterable<{ readonly text: string }>): AsyncIterable<BidiStreamResponse>;
}
