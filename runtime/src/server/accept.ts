import { Code } from "@connectrpc/connect";
import {
  ErrorCode,
  type HeaderFields,
  type HeaderTemplate,
  type Http2Stream,
  type StreamHandler,
} from "../http2/types.js";
import { ACCEPTED_ENCODINGS } from "../rpc/compression.js";
import { binaryFault, lookup } from "../rpc/metadata.js";
import { encodeMessage, type RpcStatus } from "../rpc/status.js";
import { decodeTimeout } from "../rpc/timeout.js";
import type { MethodTable } from "./method-table.js";
import { authorityFault, pathFault } from "./request-target.js";
import { type CallEnvironment, refuse } from "./server-call.js";
import { StreamServerCall } from "./stream-call.js";
import { UnaryServerCall } from "./unary-call.js";

const NO_HEADERS: HeaderTemplate = { fields: [] };

/** Decides what becomes of a stream that a client opened; every answer to a request that is no call is here. */
export function accept(
  stream: Http2Stream,
  fields: HeaderFields,
  endStream: boolean,
  methods: MethodTable,
  environment: CallEnvironment,
): StreamHandler {
  if (lookup(fields, ":method") !== "POST") return answerHttp(stream, "405", ["allow", "POST"]);
  const contentType = lookup(fields, "content-type") ?? "";
  if (!/^application\/grpc(?:$|\+proto|;)/.test(contentType)) {
    return answerHttp(stream, "415", ["accept-post", "application/grpc, application/grpc+proto"]);
  }
  const authority = authorityFault(fields);
  if (authority !== undefined) return failHttp(stream, authority);
  const path = lookup(fields, ":path") ?? "";
  const fault = pathFault(path);
  if (fault !== undefined) return fail(stream, { code: Code.Unimplemented, message: fault });
  const found = methods.find(path);
  if (found.kind === "unimplemented") return fail(stream, { code: Code.Unimplemented, message: found.message });
  const encoding = lookup(fields, "grpc-encoding");
  if (encoding !== undefined && encoding !== "identity" && encoding !== "gzip") {
    return fail(stream, {
      code: Code.Unimplemented,
      message: `grpc-encoding "${encoding}" is not supported; use one of ${ACCEPTED_ENCODINGS}`,
    });
  }
  const binary = binaryFault(fields);
  if (binary !== undefined) return fail(stream, { code: Code.Internal, message: binary });
  let timeoutMs: number | undefined;
  const timeout = lookup(fields, "grpc-timeout");
  if (timeout !== undefined) {
    const decoded = decodeTimeout(timeout);
    if (decoded.kind === "invalid") {
      return fail(stream, {
        code: Code.Internal,
        message: `grpc-timeout "${timeout}" must be 1 to 8 digits and a unit of H, M, S, m, u, n`,
      });
    }
    timeoutMs = decoded.timeoutMs;
  }
  const { method } = found;
  const call =
    method.invoke.kind === "unary"
      ? new UnaryServerCall(stream, method, method.invoke.run, fields, timeoutMs, environment)
      : new StreamServerCall(stream, method, method.invoke.run, fields, timeoutMs, environment);
  if (endStream) call.onHeaders([], true);
  return call;
}

function fail(stream: Http2Stream, status: RpcStatus): StreamHandler {
  refuse(stream, status);
  return drop(stream);
}

/** What is no request at all, as grpc-go answers it: the HTTP status says so, and the gRPC status to who reads that. */
function failHttp(stream: Http2Stream, message: string): StreamHandler {
  const status = ["content-type", "application/grpc", "grpc-status", String(Code.Internal)];
  return answerHttp(stream, "400", [...status, "grpc-message", encodeMessage(message)]);
}

function answerHttp(stream: Http2Stream, httpStatus: string, extra: string[]): StreamHandler {
  stream.sendHeaders(NO_HEADERS, [":status", httpStatus, ...extra], true);
  stream.reset(ErrorCode.NO_ERROR);
  return drop(stream);
}

/** Takes what a client still sends to a stream that has its answer. */
function drop(stream: Http2Stream): StreamHandler {
  return {
    onHeaders() {},
    onData: (bytes) => stream.consume(bytes.length),
    onWritable() {},
    onClose() {},
  };
}
