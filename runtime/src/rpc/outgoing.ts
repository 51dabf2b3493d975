import type { MessageCodec } from "./codec.js";
import { compress } from "./compression.js";

/** A message as it goes out. */
export interface OutgoingMessage {
  readonly bytes: Uint8Array;
  readonly isCompressed: boolean;
}

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

/** Encodes a message, and compresses it when it is worth it: at once when it is small, later when it is large. */
export function encodeOutgoing(
  codec: MessageCodec,
  message: unknown,
  compression: SendCompression | undefined,
): OutgoingMessage | Promise<OutgoingMessage> {
  const bytes = codec.encode(message);
  if (compression === undefined || bytes.byteLength < compression.minBytes) return { bytes, isCompressed: false };
  const compressed = compress(bytes);
  return compressed instanceof Promise
    ? compressed.then((result) => ({ bytes: result, isCompressed: true }))
    : { bytes: compressed, isCompressed: true };
}
