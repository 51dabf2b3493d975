import { DEFAULT_MAX_FRAME_BYTES } from "./frame.js";

/** The bounds that a peer cannot move. Everything that protects a connection against its peer is found here. */
export interface Http2Limits {
  /** Fields of one header block; a block with more is answered like one that is too large. */
  readonly maxFieldCount: number;
  /** A header list of more than this ends the connection, because decoding it is work for nothing. */
  readonly hardHeaderListBytes: number;
  /** Compressed bytes of one header block over HEADERS and CONTINUATION. */
  readonly maxHeaderBlockBytes: number;
  /** CONTINUATION frames of one header block. */
  readonly maxContinuationFrames: number;
  /** Entries of one SETTINGS frame. */
  readonly maxSettingsEntries: number;
  /** Replies (PING and SETTINGS acknowledgements, resets) that wait for the peer to read; more end the connection. */
  readonly maxReplies: number;
  /** Output above which DATA stays in the queues of its streams. */
  readonly outputHighBytes: number;
  /** Bytes kept of a GOAWAY's debug data. */
  readonly maxDebugBytes: number;
  /** Streams that we reset and whose late frames are told from protocol errors. */
  readonly rememberedResets: number;
  /** Streams that a client opens before it has seen the server's SETTINGS. */
  readonly streamsBeforeSettings: number;
  /** Stream ids above this are not used: a new connection takes over long before they run out. */
  readonly maxUsedStreamId: number;
}

/** The limits for a connection that accepts header lists of `maxHeaderListBytes`. */
export function http2Limits(maxHeaderListBytes: number): Http2Limits {
  return {
    maxFieldCount: 128,
    hardHeaderListBytes: maxHeaderListBytes * 4,
    maxHeaderBlockBytes: maxHeaderListBytes * 2,
    maxContinuationFrames: Math.max(8, Math.ceil((maxHeaderListBytes * 1.25) / DEFAULT_MAX_FRAME_BYTES)),
    maxSettingsEntries: 32,
    maxReplies: 1000,
    outputHighBytes: 256 * 1024,
    maxDebugBytes: 1024,
    rememberedResets: 1024,
    streamsBeforeSettings: 100,
    maxUsedStreamId: 2 ** 30,
  };
}
