import { promisify } from "node:util";
import { gunzip, gunzipSync, gzip, gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import type { RpcStatus } from "./status.js";

/** What we accept and can send, as `grpc-accept-encoding` lists it. */
export const ACCEPTED_ENCODINGS = "gzip,identity";

/** A message after compression or its opposite. */
export type CodingResult =
  | { readonly kind: "ok"; readonly bytes: Uint8Array }
  | { readonly kind: "failed"; readonly status: RpcStatus };

// Below this a thread costs more than the work.
const SYNC_BYTES = 64 * 1024;

const gzipAsync = promisify(gzip);
const gunzipAsync = promisify(gunzip);

/**
 * The plain form of a message that was compressed with `encoding`, at most `maxBytes` long. At once for small
 * messages, later for large ones; never rejects.
 */
export function decompress(
  encoding: string,
  bytes: Uint8Array,
  maxBytes: number,
): CodingResult | Promise<CodingResult> {
  if (encoding !== "gzip") {
    return {
      kind: "failed",
      status: {
        code: Code.Internal,
        message: `message is marked as compressed, but its encoding is "${encoding}"; known: ${ACCEPTED_ENCODINGS}`,
      },
    };
  }
  const options = { maxOutputLength: maxBytes };
  if (bytes.byteLength <= SYNC_BYTES) {
    try {
      return { kind: "ok", bytes: gunzipSync(bytes, options) };
    } catch (error) {
      return failed(error, maxBytes);
    }
  }
  return gunzipAsync(bytes, options).then(
    (plain): CodingResult => ({ kind: "ok", bytes: plain }),
    (error: unknown) => failed(error, maxBytes),
  );
}

/** The gzip form of a message. At once for small messages, later for large ones. */
export function compress(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
  return bytes.byteLength <= SYNC_BYTES ? gzipSync(bytes) : gzipAsync(bytes);
}

function failed(error: unknown, maxBytes: number): CodingResult {
  const isTooLarge = error instanceof RangeError || (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
  return {
    kind: "failed",
    status: isTooLarge
      ? {
          code: Code.ResourceExhausted,
          message: `message is larger than the limit of ${maxBytes} bytes after decompression; raise readMaxBytes to accept it`,
        }
      : {
          code: Code.Internal,
          message: `can't decompress a message: ${error instanceof Error ? error.message : String(error)}`,
        },
  };
}
