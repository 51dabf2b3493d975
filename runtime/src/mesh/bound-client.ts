import type { DescService } from "@bufbuild/protobuf";
import { type CallOptions, type Client, createClient } from "@connectrpc/connect";
import type { MeshService } from "../codegenv1/types.js";
import { callClientStream, callStream, onlyMessage } from "./stream-calls.js";
import { type BoundMethod, callUnary, createMeshTransport, type MeshTransportOptions } from "./transport.js";

/** A client of a generated service. Without interceptors its calls start where Connect's client would only arrive. */
export function createBoundClient<S extends DescService>(
  { service }: MeshService<S>,
  options: MeshTransportOptions,
): Client<S> {
  const client = createClient(service, createMeshTransport(options));
  if (options.interceptors.length > 0) return client;
  const direct: Record<string, unknown> = { ...client };
  for (const method of service.methods) direct[method.localName] = directCall(options.bind(method), options);
  return direct as Client<S>;
}

function directCall(bound: BoundMethod, { messages, defaultTimeoutMs: timeoutMs }: MeshTransportOptions): unknown {
  type Stream = AsyncIterable<unknown>;
  const { methodKind } = bound.rpc.desc;
  switch (methodKind) {
    case "unary":
      return (input: unknown, options?: CallOptions) => callUnary(bound, messages, timeoutMs, input, options);
    case "server_streaming":
      return (input: unknown, options?: CallOptions) =>
        callStream(bound, messages, timeoutMs, onlyMessage(input), options);
    case "client_streaming":
      return (input: Stream, options?: CallOptions) => callClientStream(bound, messages, timeoutMs, input, options);
    case "bidi_streaming":
      return (input: Stream, options?: CallOptions) => callStream(bound, messages, timeoutMs, input, options);
    default:
      return methodKind satisfies never;
  }
}
