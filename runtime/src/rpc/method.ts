import type { DescMethod } from "@bufbuild/protobuf";
import type { HeaderTemplate } from "../http2/types.js";
import { type MessageCodec, protobufCodec } from "./codec.js";
import { ACCEPTED_ENCODINGS } from "./compression.js";
import type { DecodeLimits } from "./field-counter.js";

/** A method as calls need it: everything that does not change from call to call. */
export interface RpcMethod {
  readonly desc: DescMethod;
  /** `/package.Service/Method`. */
  readonly path: string;
  /** `http://authority/package.Service/Method`, what interceptors see. */
  readonly url: string;
  readonly requestCodec: MessageCodec;
  readonly responseCodec: MessageCodec;
  /** The request headers that every call sends. */
  readonly requestHeaders: HeaderTemplate;
}

/** The path of a method. */
export function methodPath(desc: DescMethod): string {
  return `/${desc.parent.typeName}/${desc.name}`;
}

/** What a client sends as `user-agent`. */
export const USER_AGENT = "grpc-node-meshwright/0.1.0";

/**
 * Prepares calls to a method; `authority` and `scheme` are what servers get as `:authority` and `:scheme`, `limits`
 * bound the messages.
 */
export function createRpcMethod(
  desc: DescMethod,
  authority: string,
  limits?: DecodeLimits,
  scheme: "http" | "https" = "http",
): RpcMethod {
  const path = methodPath(desc);
  return {
    desc,
    path,
    url: `${scheme}://${authority}${path}`,
    requestCodec: protobufCodec(desc.input, limits),
    responseCodec: protobufCodec(desc.output, limits),
    requestHeaders: {
      fields: [
        ":method",
        "POST",
        ":scheme",
        scheme,
        ":path",
        path,
        ":authority",
        authority,
        "te",
        "trailers",
        "content-type",
        "application/grpc",
        "user-agent",
        USER_AGENT,
        "grpc-accept-encoding",
        ACCEPTED_ENCODINGS,
      ],
    },
  };
}
