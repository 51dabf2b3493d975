import { Code } from "@connectrpc/connect";
import { ErrorCode, type HeaderFields, type StreamError } from "../http2/types.js";
import { decodeBase64 } from "./base64.js";
import { lookup } from "./metadata.js";

/** How a call ended. */
export interface RpcStatus {
  /** gRPC status code; 0 is OK, other values are those of Connect's `Code`. */
  readonly code: number;
  readonly message: string;
  /** The serialized `google.rpc.Status` that came along. */
  readonly details?: Uint8Array;
}

/** What response headers say. */
export type ResponseHead =
  | { readonly kind: "ok"; readonly encoding: string }
  | { readonly kind: "failed"; readonly status: RpcStatus };

const IDENTITY: ResponseHead = { kind: "ok", encoding: "identity" };

/** Checks response headers: HTTP status and content type of a gRPC response (gRPC over HTTP/2, Responses). */
export function readResponseHeaders(fields: HeaderFields): ResponseHead {
  const httpStatus = lookup(fields, ":status") ?? "";
  const contentType = lookup(fields, "content-type") ?? "";
  if (httpStatus === "200" && isGrpc(contentType)) {
    const encoding = lookup(fields, "grpc-encoding");
    return encoding === undefined || encoding === "identity" ? IDENTITY : { kind: "ok", encoding };
  }
  // A status in the headers, as a proxy may send it with any HTTP status, says more than HTTP does.
  if (lookup(fields, "grpc-status") !== undefined) return { kind: "failed", status: failure(readTrailers(fields)) };
  const found = httpStatus === "200" ? `content type "${contentType}"` : `HTTP status ${httpStatus}`;
  return {
    kind: "failed",
    status: { code: codeOfHttpStatus(httpStatus), message: `the server did not answer with gRPC but with ${found}` },
  };
}

/** Reads the status out of trailers, or of headers that end the stream. */
export function readTrailers(fields: HeaderFields): RpcStatus {
  const text = lookup(fields, "grpc-status");
  if (text === undefined) {
    const httpStatus = lookup(fields, ":status");
    return httpStatus === undefined || httpStatus === "200"
      ? { code: Code.Unknown, message: "the server ended the call without grpc-status" }
      : { code: codeOfHttpStatus(httpStatus), message: `the server answered with HTTP status ${httpStatus}` };
  }
  if (text === "0") return OK;
  // Codes that gRPC does not define, such as Dubbo's 17, are errors of an unknown kind.
  const code = /^\d{1,2}$/.test(text) && Number(text) <= Code.Unauthenticated ? Number(text) : Code.Unknown;
  const message = decodeMessage(lookup(fields, "grpc-message") ?? "");
  const details = decodeBase64(lookup(fields, "grpc-status-details-bin") ?? "");
  return details === undefined || details.length === 0 ? { code, message } : { code, message, details };
}

/** Status of a call that ended in order. */
export const OK: RpcStatus = { code: 0, message: "" };

/** Status of a call whose stream broke (gRPC over HTTP/2, HTTP2 Transport Mapping: Errors). */
export function statusOfStreamError(error: StreamError): RpcStatus {
  return { code: codeOfStreamError(error), message: error.message };
}

/** Percent-encodes a status message: space to `~` without `%` stay as they are. */
export function encodeMessage(message: string): string {
  // Most messages need nothing; a lone surrogate has no UTF-8 form and becomes U+FFFD.
  if (/^[\x20-\x24\x26-\x7e]*$/.test(message)) return message;
  let text = "";
  for (const byte of new TextEncoder().encode(message)) {
    text +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}

/** Undoes {@link encodeMessage}. A malformed message is taken as it is: a broken text must not hide the status. */
export function decodeMessage(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function failure(status: RpcStatus): RpcStatus {
  return status.code === 0
    ? { code: Code.Internal, message: "the server sent status OK without a gRPC response" }
    : status;
}

function isGrpc(contentType: string): boolean {
  return /^application\/grpc(?:$|[+;])/.test(contentType);
}

/** gRPC doc/http-grpc-status-mapping.md. */
function codeOfHttpStatus(httpStatus: string): number {
  switch (httpStatus) {
    case "400":
      return Code.Internal;
    case "401":
      return Code.Unauthenticated;
    case "403":
      return Code.PermissionDenied;
    case "404":
      return Code.Unimplemented;
    case "429":
    case "502":
    case "503":
    case "504":
      return Code.Unavailable;
    default:
      return Code.Unknown;
  }
}

function codeOfStreamError({ code, unprocessed, origin }: StreamError): number {
  if (unprocessed) return Code.Unavailable;
  switch (code) {
    case ErrorCode.REFUSED_STREAM:
    // The connection is gone without a word about this stream.
    case ErrorCode.CONNECT_ERROR:
      return Code.Unavailable;
    case ErrorCode.CANCEL:
      return Code.Canceled;
    case ErrorCode.ENHANCE_YOUR_CALM:
      return Code.ResourceExhausted;
    case ErrorCode.INADEQUATE_SECURITY:
      return Code.PermissionDenied;
    case ErrorCode.NO_ERROR:
      return origin === "remote" ? Code.Internal : Code.Unavailable;
    default:
      return Code.Internal;
  }
}
