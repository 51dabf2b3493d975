import { promisify } from "node:util";
import { gzip, gzipSync } from "node:zlib";

/** What we accept and can send, as `grpc-accept-encoding` lists it. */
export const ACCEPTED_ENCODINGS = "gzip,identity";

// Below this a thread costs more than the work.
const SYNC_BYTES = 64 * 1024;

const gzipAsync = promisify(gzip);

/** The gzip form of a message. At once for small messages, later for large ones. */
export function compress(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
  return bytes.length <= SYNC_BYTES ? gzipSync(bytes) : gzipAsync(bytes);
}
