import type { Http2Options } from "@meshwright/runtime/wire";

/** So small that every limit is in reach of a short input. */
const TINY: Http2Options = {
  maxConcurrentStreams: 2,
  maxHeaderListBytes: 512,
  initialStreamWindowBytes: 1000,
  maxStreamWindowBytes: 1000,
  connectionWindowBytes: 65_535,
  maxConnectionWindowBytes: 65_535,
  hardHeaderListBytes: 1024,
  maxHeaderFields: 8,
  maxOversizedBlocks: 2,
  maxHeaderBlockBytes: 1024,
  maxContinuationFrames: 2,
  resetBurst: 3,
  resetsPerSecond: 1,
  cancelBurst: 3,
  cancelsPerSecond: 1,
  maxStreamsPerTurn: 2,
  maxRefusedStreams: 2,
  maxStreamsBeforeSettings: 1,
  maxStreamId: 21,
  rememberedResets: 2,
  maxSettingsEntries: 3,
  maxSettingsFrames: 4,
  controlBurst: 5,
  controlPerSecond: 1,
  pauseAtReplies: 4,
  maxReplies: 8,
  maxEmptyFrames: 2,
  tinyFrameBurst: 4,
  tinyFramesPerSecond: 1,
  windowUpdatesPerDataFrame: 1,
  priorityFramesPerStream: 2,
  maxUnknownFrames: 3,
  maxDebugBytes: 4,
  streamSendBufferBytes: 2000,
  connectionSendBufferBytes: 4000,
  deferAtUnsentBytes: 2500,
  outputHighBytes: 3000,
  idleTimeoutMs: 30_000,
  streamIdleTimeoutMs: 40_000,
  keepaliveTimeMs: 10_000,
  keepaliveTimeoutMs: 2000,
  minPingIntervalMs: 5000,
  maxConnectionAgeMs: 100_000,
  maxConnectionAgeGraceMs: 20_000,
};

/**
 * Windows that may grow and be taken by streams that nobody reads, every connection ages, and what a sound user sends at
 * once makes new streams wait.
 */
const AGEING: Http2Options = {
  initialStreamWindowBytes: 100_000,
  maxStreamWindowBytes: 300_000,
  connectionWindowBytes: 65_535,
  maxConnectionWindowBytes: 400_000,
  deferAtUnsentBytes: 20_000,
  idleTimeoutMs: 60_000,
  keepaliveTimeMs: 20_000,
  maxConnectionAgeMs: 200_000,
};

/** The connections that inputs choose among. */
export const PROFILES: readonly Http2Options[] = [{}, TINY, AGEING, { preset: "edge" }];
