import type { MessageCodec } from "./codec.js";
import { compress } from "./compression.js";

/** A message as it goes out. */
export interface OutgoingMessage {
  readonly bytes: Uint8Array;
  readonly isCompressed: boolean;
  /** The bytes are valid until another message is encoded: to be sent at once, and not kept. */
  readonly isLent: boolean;
}

// Larger messages are encoded into memory of their own, which is sent as it is.
const SCRATCH_BYTES = 128 * 1024;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
// Like the bytes in it, it is somebody's until another message is encoded.
const lent: { bytes: Uint8Array; isCompressed: boolean; isLent: boolean } = {
  bytes: scratch,
  isCompressed: false,
  isLent: true,
};

/** Which messages are compressed, and how. */
export interface SendCompression {
  readonly encoding: "gzip";
  /** Smaller messages are sent as they are. */
  readonly minBytes: number;
}

/** Below this, gzip costs more time than the bytes it saves. */
const DEFAULT_MIN_BYTES = 1024;

/** The compression that options ask for. */
export function sendCompression(
  encoding: "gzip" | undefined,
  minBytes: number = DEFAULT_MIN_BYTES,
): SendCompression | undefined {
  return encoding === undefined ? undefined : { encoding, minBytes };
}

/**
 * Encodes a message, and compresses it when it is worth it: at once when it is small, later when it is large. `mayLend`:
 * the caller sends it before anything else is encoded.
 */
export function encodeOutgoing(
  codec: MessageCodec,
  message: unknown,
  compression: SendCompression | undefined,
  mayLend: boolean,
): OutgoingMessage | Promise<OutgoingMessage> {
  if (mayLend && compression === undefined) {
    const bytes = codec.encode(message, scratch);
    if (bytes.buffer !== scratch.buffer) return plain(bytes);
    lent.bytes = bytes;
    return lent;
  }
  const bytes = codec.encode(message);
  if (compression === undefined || bytes.byteLength < compression.minBytes) return plain(bytes);
  const compressed = compress(bytes);
  return compressed instanceof Promise
    ? compressed.then((result) => ({ bytes: result, isCompressed: true, isLent: false }))
    : { bytes: compressed, isCompressed: true, isLent: false };
}

function plain(bytes: Uint8Array): OutgoingMessage {
  return { bytes, isCompressed: false, isLent: false };
}
