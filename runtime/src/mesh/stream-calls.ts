import { type CallOptions, Code, ConnectError } from "@connectrpc/connect";
import { StreamCall } from "../client/stream-call.js";
import type { MessageOptions } from "../client/unary-call.js";
import { fieldsToHeaders } from "../rpc/metadata.js";
import { callDecision } from "./decision.js";
import type { BoundMethod } from "./transport.js";

/**
 * Calls a method whose answers are a stream: the path without interceptors. Its iterable is the queue of the call, with
 * nothing in between. Whoever leaves it before its end cancels the call.
 */
export function callStream(
  bound: BoundMethod,
  messages: MessageOptions,
  defaultTimeoutMs: number | undefined,
  input: AsyncIterable<unknown>,
  options: CallOptions | undefined,
): AsyncIterable<unknown> {
  const timeoutMs = options?.timeoutMs ?? bound.timeoutMs ?? defaultTimeoutMs;
  const settings = { headers: options?.headers, timeoutMs, signal: options?.signal };
  const call: StreamCall = new StreamCall(bound.channel, bound.rpc, input, settings, messages, {
    onHeaders: () => {
      options?.contextValues?.set(callDecision, call.decision);
      options?.onHeader?.(fieldsToHeaders(call.headers));
    },
    onError: (error) => {
      options?.contextValues?.set(callDecision, call.decision);
      call.messages.end(error);
    },
  });
  call.start();
  return options?.onTrailer === undefined ? call.messages : withTrailer(call, options.onTrailer);
}

/** Calls a method that takes a stream of requests and answers once. */
export async function callClientStream(
  bound: BoundMethod,
  messages: MessageOptions,
  defaultTimeoutMs: number | undefined,
  input: AsyncIterable<unknown>,
  options: CallOptions | undefined,
): Promise<unknown> {
  let answer: unknown;
  let answers = 0;
  for await (const message of callStream(bound, messages, defaultTimeoutMs, input, options)) {
    answer = message;
    answers += 1;
  }
  if (answers === 1) return answer;
  throw new ConnectError(
    `the server must answer with one message, and sent ${answers === 0 ? "none" : "more"}`,
    Code.Unimplemented,
  );
}

/** An iterable of one message. */
export async function* onlyMessage(message: unknown): AsyncIterable<unknown> {
  yield message;
}

async function* withTrailer(call: StreamCall, onTrailer: (trailer: Headers) => void): AsyncIterable<unknown> {
  yield* call.messages;
  onTrailer(fieldsToHeaders(call.trailers));
}
