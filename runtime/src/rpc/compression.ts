import { constants } from "node:buffer";
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
const { MAX_LENGTH: MAX_OUTPUT_BYTES } = constants;

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
  // One more than the limit, so that a message of exactly the limit passes; zlib takes at least 1 and no Infinity.
  const options = { maxOutputLength: Math.min(maxBytes + 1, MAX_OUTPUT_BYTES) };
  if (bytes.byteLength <= SYNC_BYTES) {
    try {
      return checked(gunzipSync(bytes, options), maxBytes);
    } catch (error) {
      return failed(error, maxBytes);
    }
  }
  return gunzipAsync(bytes, options).then(
    (plain) => checked(plain, maxBytes),
    (error: unknown) => failed(error, maxBytes),
  );
}

/** The gzip form of a message. At once for small messages, later for large ones. */
export function compress(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
  return bytes.byteLength <= SYNC_BYTES ? gzipSync(bytes) : gzipAsync(bytes);
}

function checked(plain: Uint8Array, maxBytes: number): CodingResult {
  return plain.byteLength > maxBytes ? tooLarge(maxBytes) : { kind: "ok", bytes: plain };
}

function tooLarge(maxBytes: number): CodingResult {
  return {
    kind: "failed",
    status: {
      code: Code.ResourceExhausted,
      message: `message is larger than the limit of ${maxBytes} bytes after decompression; raise readMaxBytes to accept it`,
    },
  };
}

function failed(error: unknown, maxBytes: number): CodingResult {
  const isTooLarge = error instanceof RangeError || (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
  if (isTooLarge) return tooLarge(maxBytes);
  const reason = error instanceof Error ? error.message : String(error);
  return { kind: "failed", status: { code: Code.Internal, message: `can't decompress a message: ${reason}` } };
}
