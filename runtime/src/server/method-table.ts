import type { DescMessage, DescMethod, MessageShape } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createMethodImplSpec,
  type HandlerContext,
  type Interceptor,
  type MethodImplSpec,
} from "@connectrpc/connect";
import { invokeUnaryImplementation, transformInvokeImplementation } from "@connectrpc/connect/protocol";
import type { ServiceRegistration } from "../codegenv1/types.js";
import { type MessageCodec, protobufCodec } from "../rpc/codec.js";
import type { DecodeLimits } from "../rpc/field-counter.js";
import { methodPath } from "../rpc/method.js";
import { plainContext } from "./handler-context.js";

/** A method that can be called, prepared once. */
export interface ServedMethod {
  readonly desc: DescMethod;
  readonly requestCodec: MessageCodec;
  readonly responseCodec: MessageCodec;
  readonly invoke: Invoke;
}

/** How the handler is called: with the one request of a unary call, or with the stream of requests. */
export type Invoke =
  | { readonly kind: "unary"; readonly run: (message: unknown, context: HandlerContext) => unknown }
  | {
      readonly kind: "stream";
      readonly run: (
        messages: AsyncIterable<unknown>,
        context: HandlerContext,
      ) => AsyncIterable<unknown> | Promise<AsyncIterable<unknown>>;
    };

/** What a path stands for. */
export type FoundMethod =
  | { readonly kind: "served"; readonly method: ServedMethod }
  | { readonly kind: "unimplemented"; readonly message: string };

/** Finds methods by path. */
export interface MethodTable {
  find(path: string): FoundMethod;
}

/** Prepares every method of `services`. Throws when two of them serve the same service. */
export function createMethodTable(
  services: readonly ServiceRegistration[],
  interceptors: readonly Interceptor[],
  limits?: DecodeLimits,
): MethodTable {
  const methods = new Map<string, FoundMethod>();
  const names = new Set<string>();
  for (const { service, implementation } of services) {
    const { typeName } = service.service;
    if (names.has(typeName)) throw new Error(`service ${typeName}: registered twice; serve each service once`);
    names.add(typeName);
    for (const desc of service.service.methods) {
      const handler = handlerOf(implementation, desc.localName);
      methods.set(methodPath(desc), prepare(desc, handler, implementation, [...interceptors], limits));
    }
  }
  return {
    find: (path) => methods.get(path) ?? { kind: "unimplemented", message: explainMissing(path, names) },
  };
}

/** What every object has, such as `hasOwnProperty`, is nobody's handler. */
function handlerOf(implementation: object, name: string): unknown {
  const handler: unknown = Reflect.get(implementation, name);
  return handler === Reflect.get(Object.prototype, name) ? undefined : handler;
}

function prepare(
  desc: DescMethod,
  handler: unknown,
  self: object,
  interceptors: Interceptor[],
  limits: DecodeLimits | undefined,
): FoundMethod {
  if (typeof handler !== "function") {
    return { kind: "unimplemented", message: `${desc.parent.typeName}.${desc.name} has no handler` };
  }
  const spec = createMethodImplSpec(desc, handler.bind(self) as never);
  return {
    kind: "served",
    method: {
      desc,
      requestCodec: protobufCodec(desc.input, limits),
      responseCodec: protobufCodec(desc.output, limits),
      invoke: invoke(spec, interceptors),
    },
  };
}

function invoke(spec: MethodImplSpec, interceptors: Interceptor[]): Invoke {
  if (spec.kind !== "unary") {
    return {
      kind: "stream",
      run:
        interceptors.length === 0
          ? directStream(spec)
          : (messages, context) =>
              transformInvokeImplementation(
                spec,
                plainContext(context),
                interceptors,
              )(messages as AsyncIterable<MessageShape<DescMessage>>),
    };
  }
  return {
    kind: "unary",
    run:
      interceptors.length === 0
        ? (message, context) => spec.impl(message as MessageShape<DescMessage>, context)
        : (message, context) =>
            invokeUnaryImplementation(spec, plainContext(context), message as MessageShape<DescMessage>, interceptors),
  };
}

/** Without interceptors a handler's messages are taken as they come: each iterable in between costs more than they do. */
function directStream(spec: Exclude<MethodImplSpec, { kind: "unary" }>): Extract<Invoke, { kind: "stream" }>["run"] {
  type Messages = AsyncIterable<MessageShape<DescMessage>>;
  switch (spec.kind) {
    case "server_streaming":
      return async (messages, context) => spec.impl(await only(messages as Messages), context);
    case "client_streaming":
      return async function* (messages, context) {
        yield await spec.impl(messages as Messages, context);
      };
    case "bidi_streaming":
      return (messages, context) => spec.impl(messages as Messages, context);
    default:
      return spec satisfies never;
  }
}

/** The one request of a method whose answers are a stream. */
async function only<T>(messages: AsyncIterable<T>): Promise<T> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) {
    throw new ConnectError("a server-streaming call takes one request, and got none", Code.Unimplemented);
  }
  const second = await iterator.next();
  if (second.done !== true) {
    throw new ConnectError("a server-streaming call takes one request, and got more", Code.Unimplemented);
  }
  return first.value;
}

function explainMissing(path: string, names: ReadonlySet<string>): string {
  const [, service = "", method = ""] = /^\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  if (names.has(service)) return `service ${service} has no method "${method}"`;
  return `no service at ${path}; this server has: ${[...names].join(", ")}`;
}
