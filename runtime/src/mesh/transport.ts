import type {
  DescMessage,
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import {
  type CallOptions,
  type ContextValues,
  createContextValues,
  type Interceptor,
  type StreamResponse,
  type Transport,
  type UnaryResponse,
} from "@connectrpc/connect";
import { runStreamingCall, runUnaryCall } from "@connectrpc/connect/protocol";
import type { Call, CallSettings } from "../client/call.js";
import type { Channel } from "../client/channel.js";
import { StreamCall, type StreamResult } from "../client/stream-call.js";
import { type MessageOptions, startUnary, type UnaryCall } from "../client/unary-call.js";
import { fieldsToHeaders } from "../rpc/metadata.js";
import { callDecision } from "./decision.js";
import type { ClientMethod } from "./methods.js";

/** What a call needs to know of its method and of where it goes. */
export interface BoundMethod extends ClientMethod {
  readonly channel: Channel;
}

/** What {@link createMeshTransport} is built from. */
export interface MeshTransportOptions {
  /** Finds the channel and the constants of a method; the answer does not change. */
  bind(method: DescMethod): BoundMethod;
  readonly messages: MessageOptions;
  readonly interceptors: readonly Interceptor[];
  /** Deadline of a call that sets none, in milliseconds. */
  readonly defaultTimeoutMs: number | undefined;
}

/** A Connect `Transport` whose calls go through the mesh. */
export function createMeshTransport(options: MeshTransportOptions): Transport {
  const interceptors = [...options.interceptors];
  return {
    unary<I extends DescMessage, O extends DescMessage>(
      method: DescMethodUnary<I, O>,
      signal: AbortSignal | undefined,
      timeoutMs: number | undefined,
      header: HeadersInit | undefined,
      input: MessageInitShape<I>,
      contextValues?: ContextValues,
    ): Promise<UnaryResponse<I, O>> {
      const bound = options.bind(method);
      const limitMs = effectiveTimeout(timeoutMs, bound, options);
      if (interceptors.length === 0) {
        return unaryResponse(
          options,
          bound,
          method,
          input,
          { headers: header, timeoutMs: limitMs, signal },
          contextValues,
        );
      }
      return runUnaryCall<I, O>({
        req: requestOf(bound, method, false, header, input, contextValues),
        next: (request) =>
          unaryResponse(
            options,
            bound,
            method,
            request.message as MessageInitShape<I>,
            { headers: request.header, timeoutMs: limitMs, signal: request.signal },
            request.contextValues,
          ),
        interceptors,
        ...(limitMs === undefined ? {} : { timeoutMs: limitMs }),
        ...(signal === undefined ? {} : { signal }),
      });
    },

    stream<I extends DescMessage, O extends DescMessage>(
      method: DescMethodStreaming<I, O>,
      signal: AbortSignal | undefined,
      timeoutMs: number | undefined,
      header: HeadersInit | undefined,
      input: AsyncIterable<MessageInitShape<I>>,
      contextValues?: ContextValues,
    ): Promise<StreamResponse<I, O>> {
      const bound = options.bind(method);
      const limitMs = effectiveTimeout(timeoutMs, bound, options);
      if (interceptors.length === 0) {
        return streamResponse(
          options,
          bound,
          method,
          input,
          { headers: header, timeoutMs: limitMs, signal },
          contextValues,
        );
      }
      return runStreamingCall<I, O>({
        req: requestOf(bound, method, true, header, input, contextValues),
        next: (request) =>
          streamResponse(
            options,
            bound,
            method,
            request.message,
            { headers: request.header, timeoutMs: limitMs, signal: request.signal },
            request.contextValues,
          ),
        interceptors,
        ...(limitMs === undefined ? {} : { timeoutMs: limitMs }),
        ...(signal === undefined ? {} : { signal }),
      });
    },
  };
}

/** Calls a unary method and resolves with its message: the path without interceptors. */
export function callUnary(
  bound: BoundMethod,
  messages: MessageOptions,
  defaultTimeoutMs: number | undefined,
  input: unknown,
  options: CallOptions | undefined,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timeoutMs = options?.timeoutMs ?? bound.timeoutMs ?? defaultTimeoutMs;
    startUnary(
      bound.channel,
      bound.rpc,
      input,
      { headers: options?.headers, timeoutMs, signal: options?.signal },
      messages,
      {
        onMessage(message, call) {
          if (options !== undefined) report(options, call);
          resolve(message);
        },
        onError(error, call) {
          recordDecision(options?.contextValues, call);
          reject(error);
        },
      },
    );
  });
}

function report(options: CallOptions, call: UnaryCall): void {
  recordDecision(options.contextValues, call);
  if (options.onHeader !== undefined) options.onHeader(fieldsToHeaders(call.headers));
  if (options.onTrailer !== undefined) options.onTrailer(fieldsToHeaders(call.trailers));
}

function recordDecision(values: ContextValues | undefined, call: Call | undefined): void {
  values?.set(callDecision, call?.decision);
}

function unaryResponse<I extends DescMessage, O extends DescMessage>(
  options: MeshTransportOptions,
  bound: BoundMethod,
  method: DescMethodUnary<I, O>,
  input: MessageInitShape<I>,
  settings: CallSettings,
  contextValues: ContextValues | undefined,
): Promise<UnaryResponse<I, O>> {
  return new Promise((resolve, reject) => {
    startUnary(bound.channel, bound.rpc, input, settings, options.messages, {
      onMessage(message, call) {
        recordDecision(contextValues, call);
        resolve({
          stream: false,
          service: method.parent,
          method,
          message: message as MessageShape<O>,
          header: fieldsToHeaders(call.headers),
          trailer: fieldsToHeaders(call.trailers),
        });
      },
      onError(error, call) {
        recordDecision(contextValues, call);
        reject(error);
      },
    });
  });
}

function streamResponse<I extends DescMessage, O extends DescMessage>(
  options: MeshTransportOptions,
  bound: BoundMethod,
  method: DescMethodStreaming<I, O>,
  input: AsyncIterable<unknown>,
  settings: CallSettings,
  contextValues: ContextValues | undefined,
): Promise<StreamResponse<I, O>> {
  return new Promise((resolve, reject) => {
    const result: StreamResult = {
      onHeaders: (call) => {
        recordDecision(contextValues, call);
        // Connect's contract: the trailers object is there at once and filled when the messages were read.
        const trailer = new Headers();
        resolve({
          stream: true,
          service: method.parent,
          method,
          header: fieldsToHeaders(call.headers),
          trailer,
          message: messagesOf<MessageShape<O>>(call, trailer),
        });
      },
      onError: reject,
    };
    new StreamCall(bound.channel, bound.rpc, input, settings, options.messages, result).start();
  });
}

async function* messagesOf<T>(call: StreamCall, trailer: Headers): AsyncGenerator<T, void, undefined> {
  yield* call.messages as AsyncIterable<T>;
  fieldsToHeaders(call.trailers).forEach((value, name) => {
    trailer.append(name, value);
  });
}

function effectiveTimeout(
  timeoutMs: number | undefined,
  bound: BoundMethod,
  { defaultTimeoutMs }: MeshTransportOptions,
): number | undefined {
  return timeoutMs ?? bound.timeoutMs ?? defaultTimeoutMs;
}

function requestOf<M extends DescMethod, K extends boolean, T>(
  bound: BoundMethod,
  method: M,
  stream: K,
  header: HeadersInit | undefined,
  message: T,
  contextValues: ContextValues | undefined,
) {
  return {
    stream,
    service: method.parent,
    method,
    requestMethod: "POST",
    url: bound.rpc.url,
    header: new Headers(header),
    contextValues: contextValues ?? createContextValues(),
    message,
  };
}
