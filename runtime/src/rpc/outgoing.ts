import type { Memory } from "../http2/types.js";
import type { MessageCodec } from "./codec.js";
import { compress } from "./compression.js";
import { untilOver, untilSent } from "./message-memory.js";

/**
 * A message as it goes out. Until its memory was filled, its bytes may still be with the caller, whose they are again when
 * the call that encoded it has returned.
 */
export interface OutgoingMessage {
  readonly bytes: Uint8Array;
  readonly isCompressed: boolean;
  readonly memory: Memory;
}

/** How long a message is needed: until it is sent, before anything else is encoded; until its call is over; or for ever. */
export type Needed = "until-sent" | "until-over" | "for-ever";

// Like the bytes in it, it is somebody's until another message is encoded.
const lent: { bytes: Uint8Array; isCompressed: boolean; memory: Memory } = {
  bytes: new Uint8Array(0),
  isCompressed: false,
  memory: "lent",
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

/** Encodes a message, and compresses it when it is worth it: at once when it is small, later when it is large. */
export function encodeOutgoing(
  codec: MessageCodec,
  message: unknown,
  compression: SendCompression | undefined,
  needed: Needed,
): OutgoingMessage | Promise<OutgoingMessage> {
  if (needed !== "for-ever" && compression === undefined) {
    const memory = needed === "until-sent" ? untilSent : untilOver;
    memory.forget();
    const bytes = codec.encode(message, memory);
    const owner = memory.memoryTaken();
    if (owner !== "lent") return { bytes, isCompressed: false, memory: owner };
    lent.bytes = bytes;
    return lent;
  }
  const bytes = codec.encode(message);
  if (compression === undefined || bytes.length < compression.minBytes) {
    return { bytes, isCompressed: false, memory: "kept" };
  }
  const compressed = compress(bytes);
  return compressed instanceof Promise ? compressed.then(asCompressed) : asCompressed(compressed);
}

function asCompressed(bytes: Uint8Array): OutgoingMessage {
  return { bytes, isCompressed: true, memory: "kept" };
}

/** Fills the memory of a message that may not have been sent yet: what its caller does to it later must not show. */
export function settle({ bytes, memory }: OutgoingMessage): void {
  if (typeof memory === "object") memory.fill?.(bytes.length);
}
