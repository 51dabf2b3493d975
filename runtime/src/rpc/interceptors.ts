import type { Interceptor, StreamRequest, StreamResponse, UnaryRequest, UnaryResponse } from "@connectrpc/connect";

type AnyCall = (request: UnaryRequest | StreamRequest) => Promise<UnaryResponse | StreamResponse>;

/** Wraps `call` in interceptors: the first one given is the outermost, as Connect does it. */
export function applyInterceptors<T>(call: T, interceptors: readonly Interceptor[]): T {
  // Interceptors take and return the type of both kinds; which kind a call is never changes on the way.
  return interceptors.reduceRight((next, interceptor) => interceptor(next), call as unknown as AnyCall) as unknown as T;
}
