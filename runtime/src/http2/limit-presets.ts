import { assertInRange } from "./limit-ranges.js";
import type { Http2Limits, Http2Options } from "./limits.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const MESH: Http2Limits = {
  maxConcurrentStreams: 1000,
  maxFrameBytes: 16 * KIB,
  maxHeaderListBytes: 16 * KIB,
  initialStreamWindowBytes: 64 * KIB,
  maxStreamWindowBytes: 4 * MIB,
  crowdedStreamWindowBytes: 4 * KIB,
  connectionWindowBytes: MIB,
  maxConnectionWindowBytes: 6 * MIB,

  hardHeaderListBytes: 64 * KIB,
  maxHeaderFields: 128,
  maxOversizedBlocks: 16,
  maxHeaderBlockBytes: 32 * KIB,
  maxContinuationFrames: 8,
  headerTableBytes: 4096,

  resetBurst: 1000,
  resetsPerSecond: 33,
  cancelBurst: 10_000,
  cancelsPerSecond: 10_000,
  maxStreamsPerTurn: 32,
  maxRefusedStreams: 100,
  maxStreamsBeforeSettings: 100,
  maxStreamId: 2 ** 30,
  rememberedResets: 1024,

  maxSettingsEntries: 32,
  maxSettingsFrames: 100,
  controlBurst: 1000,
  controlPerSecond: 100,
  pauseAtReplies: 50,
  maxReplies: 1000,
  maxEmptyFrames: 10,
  tinyFrameBurst: 10_000,
  tinyFramesPerSecond: 100,
  maxTinyFramesPerTurn: 500,
  maxTinyFramesPerSecond: 500_000,
  windowUpdatesPerDataFrame: 10,
  priorityFramesPerStream: 100,
  maxUnknownFrames: 1000,
  maxDebugBytes: KIB,

  streamSendBufferBytes: 32 * KIB,
  connectionSendBufferBytes: MIB,
  deferAtUnsentBytes: 4 * MIB,
  outputHighBytes: 64 * KIB,
  maxTurnMs: 5,

  handshakeTimeoutMs: 10 * SECOND,
  settingsAckTimeoutMs: 20 * SECOND,
  headerBlockTimeoutMs: 5 * SECOND,
  idleTimeoutMs: HOUR,
  stallTimeoutMs: MINUTE,
  streamIdleTimeoutMs: Number.POSITIVE_INFINITY,
  closeTimeoutMs: SECOND,
  keepaliveTimeMs: 2 * HOUR,
  keepaliveTimeoutMs: 20 * SECOND,
  minPingIntervalMs: 5 * MINUTE,
  maxPingStrikes: 2,
  maxConnectionAgeMs: Number.POSITIVE_INFINITY,
  maxConnectionAgeGraceMs: Number.POSITIVE_INFINITY,

  maxMessageBytes: 4 * MIB,
  maxUnreadMessageBytes: 4 * MIB,
  maxDecompressionFailures: 16,
  maxMessageFields: 262_144,
  maxUnknownFields: 16_384,
  maxUnfinishedMessageBytes: 4 * MIB,
  unfinishedMessageTimeoutMs: 5 * SECOND,
  maxNesting: 100,

  tlsHandshakeTimeoutMs: 10 * SECOND,
  maxConnections: Number.POSITIVE_INFINITY,
};

const EDGE: Http2Limits = {
  ...MESH,
  maxConcurrentStreams: 100,
  maxStreamWindowBytes: 64 * KIB,
  maxConnectionWindowBytes: MIB,
  resetBurst: 200,
  resetsPerSecond: 7,
  cancelBurst: 1000,
  cancelsPerSecond: 1000,
  tinyFrameBurst: 2000,
  maxTinyFramesPerSecond: 50_000,
  connectionSendBufferBytes: 256 * KIB,
  deferAtUnsentBytes: MIB,
  stallTimeoutMs: 30 * SECOND,
  streamIdleTimeoutMs: 5 * MINUTE,
  maxUnreadMessageBytes: MIB,
  maxUnfinishedMessageBytes: MIB,
  maxConnections: 10_000,
};

// Sixty values need no check again for every connection.
const checked = new WeakSet<Http2Options>();

/**
 * The limits that options mean; limits that were made here mean themselves. Whoever accepts longer header lists gets the
 * limits of their blocks to match. Throws a `RangeError` that names the option when a value is out of its range.
 */
export function http2Limits(wanted: Http2Options): Http2Limits {
  if (checked.has(wanted)) return wanted as Http2Limits;
  const { preset, ...options } = wanted;
  const base = preset === "edge" ? EDGE : MESH;
  // Options that are put together often say undefined where they mean nothing.
  const overrides: Partial<Http2Limits> = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  );
  const listBytes = overrides.maxHeaderListBytes ?? base.maxHeaderListBytes;
  const limits: Http2Limits = {
    ...base,
    hardHeaderListBytes: 4 * listBytes,
    maxHeaderBlockBytes: 2 * listBytes,
    // As h2 counts them: a block of full frames, and a quarter more.
    maxContinuationFrames: Math.max(base.maxContinuationFrames, Math.ceil((1.25 * listBytes) / base.maxFrameBytes)),
    ...overrides,
  };
  assertInRange(limits);
  checked.add(limits);
  return Object.freeze(limits);
}
