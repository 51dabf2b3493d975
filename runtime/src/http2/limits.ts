/**
 * Every bound that protects a process against its peers, whatever the role. Ids in brackets are those of the attack
 * classes that the tests are named by (`A1` rapid reset … `A32`, `B1` … `B10`); where a number is someone else's
 * default, its source is named. Frames and streams are counted for one connection.
 *
 * A limit that is exceeded ends the connection with ENHANCE_YOUR_CALM unless its line says otherwise, and is told under
 * its name (`LimitExceeded`). `Infinity` lifts a limit.
 */
export interface Http2Limits {
  // ---- what is announced

  /** Streams that a peer may have open at once, SETTINGS_MAX_CONCURRENT_STREAMS of a server; more are refused. [A21] */
  readonly maxConcurrentStreams: number;
  /** SETTINGS_MAX_FRAME_SIZE, 16,384 to 16,777,215 bytes; a larger frame is a FRAME_SIZE_ERROR. [A26] */
  readonly maxFrameBytes: number;
  /** SETTINGS_MAX_HEADER_LIST_SIZE, bytes as RFC 9113 section 6.5.2 counts them; more ends the stream. [A4] */
  readonly maxHeaderListBytes: number;
  /** SETTINGS_INITIAL_WINDOW_SIZE at first, bytes. [A20] */
  readonly initialStreamWindowBytes: number;
  /** What a stream's receive window grows to while its reader keeps up, by measured bandwidth and delay. [A20] */
  readonly maxStreamWindowBytes: number;
  /** SETTINGS_INITIAL_WINDOW_SIZE while streams that nobody reads hold most of the connection's window. [A20] */
  readonly crowdedStreamWindowBytes: number;
  /** Receive window of the connection at first, bytes, at least 65,535. [A20] */
  readonly connectionWindowBytes: number;
  /** What the connection's receive window grows to. [A20] */
  readonly maxConnectionWindowBytes: number;

  // ---- header blocks

  /** A decoded header list beyond this ends the connection: decoding it is work for nothing. [A4] */
  readonly hardHeaderListBytes: number;
  /** Fields of a header block, each cookie crumb counted; more ends the stream. [A5] */
  readonly maxHeaderFields: number;
  /** Header blocks with too many bytes or fields, over the life of the connection. [A5] */
  readonly maxOversizedBlocks: number;
  /** Compressed bytes of one header block over HEADERS and CONTINUATION. [A3] */
  readonly maxHeaderBlockBytes: number;
  /** CONTINUATION frames of one header block. [A3] */
  readonly maxContinuationFrames: number;
  /** Dynamic table of either direction, bytes, whatever a peer allows. [A6] */
  readonly headerTableBytes: number;

  // ---- streams

  /** Resets that come before we had a turn to work on their stream: burst and refill. A stream that ends later than
   * that, in order or not, gives one back. [A1, A2] */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  /** Resets of streams that had their turn, such as deadlines: burst and refill. [A1] */
  readonly cancelBurst: number;
  readonly cancelsPerSecond: number;
  /** Streams opened out of one read before others get their turn. [A1] */
  readonly maxStreamsPerTurn: number;
  /** Refused streams in 10 s. [A21] */
  readonly maxRefusedStreams: number;
  /** Streams that a client opens before it has seen the server's SETTINGS. */
  readonly maxStreamsBeforeSettings: number;
  /** Stream ids above this are not used: a new connection takes over long before they run out. [A22] */
  readonly maxStreamId: number;
  /** Streams that we reset and whose late frames are told from protocol errors. */
  readonly rememberedResets: number;

  // ---- frames

  /** Entries of one SETTINGS frame. [A9] */
  readonly maxSettingsEntries: number;
  /** SETTINGS frames in 10 s. [A9] */
  readonly maxSettingsFrames: number;
  /** PING, GOAWAY and acknowledgements: burst and refill. Every DATA or HEADERS frame that we send gives one back,
   * for a peer may measure the way with it. [A11] */
  readonly controlBurst: number;
  readonly controlPerSecond: number;
  /** Replies (acknowledgements and resets) that wait for the peer to read them: reading pauses, then ends. [A12] */
  readonly pauseAtReplies: number;
  readonly maxReplies: number;
  /** Empty DATA or HEADERS frames without END_STREAM in 10 s. [A13] */
  readonly maxEmptyFrames: number;
  /** DATA frames of less than 64 bytes: burst and refill. Every message that they complete gives one back. [A14] */
  readonly tinyFrameBurst: number;
  readonly tinyFramesPerSecond: number;
  /** Such frames out of one read before others get their turn: each may be a message, which costs its handler more. [A14] */
  readonly maxTinyFramesPerTurn: number;
  /** Such frames that are read in a second, whatever they complete; more wait in the socket. Counted by turns. [A14] */
  readonly maxTinyFramesPerSecond: number;
  /** WINDOW_UPDATE frames for each DATA frame that we sent, as Envoy counts them:
   * 5 + 2 x (streams + this x DATA frames). [A16] */
  readonly windowUpdatesPerDataFrame: number;
  /** PRIORITY frames: this x (1 + streams), as Envoy counts them. [A18] */
  readonly priorityFramesPerStream: number;
  /** Frames of unknown types in 10 s. [A24] */
  readonly maxUnknownFrames: number;
  /** Bytes kept of a GOAWAY's debug data. [A23] */
  readonly maxDebugBytes: number;

  // ---- what waits to be sent

  /** Queued bytes of a stream above which its sender is asked to wait. They are what does not fit into the windows or
   * the output, which alone keeps the socket busy: little is enough. [A19] */
  readonly streamSendBufferBytes: number;
  /** The same for all streams of a connection together. [A19] */
  readonly connectionSendBufferBytes: number;
  /** Queued bytes of a connection above which the streams that a client opens wait to be served, until half is gone:
   * senders that can't be asked to wait, such as those of unary answers, are bounded by it. [A19] */
  readonly deferAtUnsentBytes: number;
  /** Output not yet taken by the socket above which DATA stays in its streams. [A19] */
  readonly outputHighBytes: number;
  /** Milliseconds for which a peer that takes all that is sent, or handlers that send, go on before others get their
   * turn. [A19] */
  readonly maxTurnMs: number;

  // ---- time, milliseconds [A27 unless named]

  /** Until the peer's preface and SETTINGS have arrived. */
  readonly handshakeTimeoutMs: number;
  /** Until the peer acknowledged our SETTINGS; then SETTINGS_TIMEOUT. */
  readonly settingsAckTimeoutMs: number;
  /** From the first byte of a header block to its last; any other frame but DATA gets as long. */
  readonly headerBlockTimeoutMs: number;
  /** A server's connection without streams is drained after this (gRPC MAX_CONNECTION_IDLE). */
  readonly idleTimeoutMs: number;
  /** A stream, or a connection, that has something to send and gets nothing out. [A16] */
  readonly stallTimeoutMs: number;
  /** A stream on which nothing happens in either direction. */
  readonly streamIdleTimeoutMs: number;
  /** From our GOAWAY with an error to the end of the socket. */
  readonly closeTimeoutMs: number;
  /** Silence after which a PING asks whether the peer is there (gRPC KEEPALIVE_TIME); a client asks only while it
   * has streams open. At least 10 s for a client. */
  readonly keepaliveTimeMs: number;
  /** How long the answer may take (gRPC KEEPALIVE_TIMEOUT). */
  readonly keepaliveTimeoutMs: number;
  /** PINGs that come closer together than this, while we send neither HEADERS nor DATA, are strikes. Servers only. [A11] */
  readonly minPingIntervalMs: number;
  /** Strikes that are forgiven; the next is answered with GOAWAY `too_many_pings`. [A11] */
  readonly maxPingStrikes: number;
  /** A server's connection is drained at this age, give or take 10 % (gRPC MAX_CONNECTION_AGE). */
  readonly maxConnectionAgeMs: number;
  /** And ended this much later (gRPC MAX_CONNECTION_AGE_GRACE). */
  readonly maxConnectionAgeGraceMs: number;

  // ---- messages

  /** Largest message that is accepted, bytes, checked before anything is allocated; then RESOURCE_EXHAUSTED. [B1, B2] */
  readonly maxMessageBytes: number;
  /** Decompressed bytes of messages that nobody has taken, over all streams, at 256 bytes each or more. Beyond it a message
   * is taken out of its stream when somebody asks for it, and waits within the window until then. [A20, B1, B2] */
  readonly maxUnreadMessageBytes: number;
  /** Compressed messages in 10 s that cost work and are no good: broken, or larger than `maxMessageBytes` though gzip's
   * trailer says less. Servers only. [B2] */
  readonly maxDecompressionFailures: number;
  /** Fields of one protobuf message, those of the messages in it included, entries of maps and packed lists counted as
   * one; then RESOURCE_EXHAUSTED. [B3] */
  readonly maxMessageFields: number;
  /** The same for fields that its schema does not have, which are kept one by one. [B3] */
  readonly maxUnknownFields: number;
  /** Memory set aside for messages that are not whole yet, bytes, over all streams; what has none of it waits within
   * the windows. A message larger than this is taken when it is the only one. [A20, B1] */
  readonly maxUnfinishedMessageBytes: number;
  /** Milliseconds that such a message may stand still while others wait for its memory; then RESOURCE_EXHAUSTED. [A20] */
  readonly unfinishedMessageTimeoutMs: number;
  /** Depth of nested protobuf messages, JSON values and unknown groups. [B3] */
  readonly maxNesting: number;

  // ---- sockets

  /** Milliseconds from an accepted socket to the end of its TLS handshake. [A27] */
  readonly tlsHandshakeTimeoutMs: number;
  /** Connections of one listener; more are closed at once. [A28] */
  readonly maxConnections: number;
}

/** Who the peers are: other services of a mesh, or anybody. */
export type Http2Preset = "mesh" | "edge";

/** A preset, and what differs from it. */
export interface Http2Options extends Partial<Http2Limits> {
  /** Defaults to `mesh`. `edge` follows Envoy's guide for servers that face the internet. */
  readonly preset?: Http2Preset;
}

/**
 * The limits that have a name when they are exceeded; the counter of each is `h2.<name>_exceeded`, and docs/errors.md
 * says what it bounds.
 */
export const LIMIT_NAMES = [
  "rapid_reset",
  "cancel_rate",
  "refused_streams",
  "header_block_bytes",
  "continuation_frames",
  "header_list_bytes",
  "hard_header_list_bytes",
  "header_fields",
  "oversized_blocks",
  "settings_entries",
  "settings_rate",
  "control_rate",
  "ping_strikes",
  "pending_replies",
  "empty_frames",
  "tiny_frames",
  "window_updates",
  "priority_frames",
  "unknown_frames",
  "frame_bytes",
  "concurrent_streams",
  "stream_ids",
  "handshake_timeout",
  "settings_ack_timeout",
  "header_block_timeout",
  "idle_timeout",
  "stall_timeout",
  "stream_idle_timeout",
  "keepalive_timeout",
  "connection_age",
  "message_bytes",
  "unread_message_bytes",
  "decompression_failures",
  "message_fields",
  "unknown_fields",
  "unfinished_message_bytes",
  "unfinished_message_timeout",
  "tls_handshake_timeout",
  "connections",
] as const;

export type LimitName = (typeof LIMIT_NAMES)[number];

/** A peer went over a limit. */
export interface LimitExceeded {
  readonly limit: LimitName;
  /** What was found, for people. */
  readonly message: string;
}
