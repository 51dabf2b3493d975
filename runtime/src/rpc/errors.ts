import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { StatusSchema } from "@meshwright/proto/google/rpc/status_pb";
import type { HeaderFields } from "../http2/types.js";
import { userMetadata } from "./metadata.js";
import type { RpcStatus } from "./status.js";

/** The error that a caller sees for a status that is not OK; `metadata` holds the headers and trailers that came. */
export function statusToError(status: RpcStatus, metadata?: HeaderFields, cause?: unknown): ConnectError {
  const error = new ConnectError(
    status.message,
    status.code,
    metadata === undefined ? undefined : userMetadata(metadata),
    undefined,
    cause,
  );
  if (status.details !== undefined) error.details = readDetails(status.details);
  return error;
}

/** The status for whatever was thrown. Only a `ConnectError` speaks for itself; other errors may hold secrets. */
export function errorToStatus(error: unknown): RpcStatus {
  if (!(error instanceof ConnectError)) {
    const isAbort = error instanceof Error && error.name === "AbortError";
    return isAbort
      ? { code: Code.Canceled, message: "the operation was aborted" }
      : { code: Code.Unknown, message: "internal error" };
  }
  const { rawMessage: message } = error;
  // A status of 0 would be a success without an answer, and others than gRPC's are unknown to every peer.
  const code = error.code >= Code.Canceled && error.code <= Code.Unauthenticated ? error.code : Code.Unknown;
  const details = error.details.length === 0 ? undefined : writeDetails(error);
  return details === undefined ? { code, message } : { code, message, details };
}

function readDetails(bytes: Uint8Array): ConnectError["details"] {
  try {
    return fromBinary(StatusSchema, bytes).details.map(({ typeUrl, value }) => ({
      type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
      value,
    }));
  } catch {
    // Details are an extra; broken ones must not hide the status.
    return [];
  }
}

function writeDetails(error: ConnectError): Uint8Array | undefined {
  try {
    return detailBytes(error);
  } catch {
    // A detail that is no message of its kind; the status without it says more than a failure to send it.
    return undefined;
  }
}

function detailBytes(error: ConnectError): Uint8Array {
  const status = create(StatusSchema, {
    code: error.code,
    message: error.rawMessage,
    details: error.details.map((detail) => {
      if ("desc" in detail) {
        const value = toBinary(detail.desc, create(detail.desc, detail.value));
        return { typeUrl: `type.googleapis.com/${detail.desc.typeName}`, value };
      }
      return { typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value };
    }),
  });
  return toBinary(StatusSchema, status);
}
