import { describe, expect, it } from "vitest";
import { http2Limits } from "./limit-presets.js";
import { type Http2Limits, type Http2Options, LIMIT_NAMES } from "./limits.js";
import { frame, headersFrame, REQUEST, ScriptedPeer, settingsFrame, uint32 } from "./test/scripted-peer.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const LARGEST = 0x7fff_ffff;

describe("http2Limits", () => {
  it.each<[string, Http2Options, Partial<Http2Limits>]>([
    [
      "the mesh preset, which is the default",
      {},
      {
        maxConcurrentStreams: 1000,
        maxHeaderListBytes: 16 * KIB,
        hardHeaderListBytes: 64 * KIB,
        maxHeaderBlockBytes: 32 * KIB,
        maxContinuationFrames: 8,
        maxStreamWindowBytes: 4 * MIB,
        maxConnectionWindowBytes: 6 * MIB,
        resetBurst: 1000,
        streamSendBufferBytes: 32 * KIB,
        stallTimeoutMs: 60_000,
        streamIdleTimeoutMs: Number.POSITIVE_INFINITY,
        maxConnections: Number.POSITIVE_INFINITY,
      },
    ],
    [
      "the edge preset",
      { preset: "edge" },
      {
        maxConcurrentStreams: 100,
        maxHeaderListBytes: 16 * KIB,
        hardHeaderListBytes: 64 * KIB,
        maxStreamWindowBytes: 64 * KIB,
        maxConnectionWindowBytes: MIB,
        resetBurst: 200,
        stallTimeoutMs: 30_000,
        streamIdleTimeoutMs: 300_000,
        maxConnections: 10_000,
      },
    ],
    ["an override of the edge preset", { preset: "edge", maxConnections: 5 }, { maxConnections: 5, resetBurst: 200 }],
    [
      "longer header lists, whose blocks may be longer too",
      { maxHeaderListBytes: 256 * KIB },
      { hardHeaderListBytes: MIB, maxHeaderBlockBytes: 512 * KIB, maxContinuationFrames: 20 },
    ],
    [
      "shorter header lists, whose blocks may have as many frames as ever",
      { maxHeaderListBytes: KIB },
      { hardHeaderListBytes: 4 * KIB, maxHeaderBlockBytes: 2 * KIB, maxContinuationFrames: 8 },
    ],
    [
      "longer header lists with blocks of their own",
      { maxHeaderListBytes: 256 * KIB, maxHeaderBlockBytes: 99, maxContinuationFrames: 1 },
      { hardHeaderListBytes: MIB, maxHeaderBlockBytes: 99, maxContinuationFrames: 1 },
    ],
    [
      "header lists without a limit",
      { maxHeaderListBytes: Number.POSITIVE_INFINITY },
      { hardHeaderListBytes: Number.POSITIVE_INFINITY, maxContinuationFrames: Number.POSITIVE_INFINITY },
    ],
  ])("takes %s", (_name, options, expected) => {
    expect(http2Limits(options)).toMatchObject(expected);
  });

  it("has a number for every limit, in both presets, and none looser in the edge preset", () => {
    const [mesh, edge] = [http2Limits({}), http2Limits({ preset: "edge" })];
    expect(Object.keys(edge)).toEqual(Object.keys(mesh));
    for (const [name, value] of Object.entries(edge)) {
      expect(value, name).toBeGreaterThan(0);
      expect(value, name).toBeLessThanOrEqual(mesh[name as keyof Http2Limits]);
    }
  });

  it("takes an undefined option, as from JavaScript, for one that is not there", () => {
    const names = Object.keys(http2Limits({}));
    const options = Object.fromEntries(["preset", ...names].map((name) => [name, undefined])) as Http2Options;
    expect(http2Limits(options)).toEqual(http2Limits({}));
  });

  it("lets no option change the presets", () => {
    const before = http2Limits({});
    http2Limits({ resetBurst: 1, maxHeaderListBytes: 1 });
    expect(http2Limits({})).toEqual(before);
  });
});

describe("Infinity", () => {
  it("lifts every limit that counts what a peer does", () => {
    const counts = [
      "cancelBurst",
      "controlBurst",
      "maxConcurrentStreams",
      "maxEmptyFrames",
      "maxPingStrikes",
      "maxRefusedStreams",
      "maxReplies",
      "maxSettingsEntries",
      "maxSettingsFrames",
      "maxStreamsPerTurn",
      "maxUnknownFrames",
      "pauseAtReplies",
      "priorityFramesPerStream",
      "resetBurst",
      "tinyFrameBurst",
      "maxTinyFramesPerTurn",
      "windowUpdatesPerDataFrame",
    ];
    const options = Object.fromEntries(counts.map((name) => [name, Number.POSITIVE_INFINITY])) as Http2Options;
    const peer = new ScriptedPeer("server", options).handshake().raw(headersFrame(1, REQUEST));
    peer.streams[0]?.stream?.sendData(Buffer.alloc(1), false);
    for (let count = 0; count < 12_000; count++) {
      peer.raw(
        headersFrame(2 * count + 3, REQUEST),
        frame("RST_STREAM", 0, 2 * count + 3, uint32(8)),
        frame("PING", 0, 0, Buffer.alloc(8)),
        frame("PRIORITY", 0, 1, Buffer.alloc(5)),
        frame("WINDOW_UPDATE", 0, 1, uint32(1)),
        frame("DATA", 0, 1, Buffer.alloc(count % 2)),
        settingsFrame([]),
        Buffer.from([0, 0, 0, 99, 0, 0, 0, 0, 0]),
      );
      // Full output would stop reading, which is no limit on what is read.
      if (count % 1000 === 0) peer.frames();
    }
    expect([peer.limits, peer.closed, peer.streams.length]).toEqual([[], [], 12_001]);
  });

  it.each<[string, Http2Options, number, number[]]>([
    ["streams", { maxConcurrentStreams: Number.POSITIVE_INFINITY }, 3, []],
    ["header lists", { maxHeaderListBytes: Number.POSITIVE_INFINITY }, 6, []],
    ["streams, when there is a limit", { maxConcurrentStreams: 7 }, 3, [7]],
    ["a stream's window, which has its largest", { initialStreamWindowBytes: Number.POSITIVE_INFINITY }, 4, [LARGEST]],
  ])("is announced as no limit: of %s", (_name, options, setting, expected) => {
    const [hello] = new ScriptedPeer("server", options).frames();
    const entries = Array.from({ length: (hello?.payload.length ?? 0) / 6 }, (_, at) => [
      hello?.payload.readUInt16BE(6 * at),
      hello?.payload.readUInt32BE(6 * at + 2),
    ]);
    expect(entries.length).toBeGreaterThan(2);
    expect(entries.filter(([id]) => id === setting).map(([, value]) => value)).toEqual(expected);
  });

  it("is the largest window for the connection's", () => {
    const lifted = Number.POSITIVE_INFINITY;
    const peer = new ScriptedPeer("server", { connectionWindowBytes: lifted, maxConnectionWindowBytes: lifted });
    const [, grant] = peer.frames();
    expect(grant).toMatchObject({ type: "WINDOW_UPDATE", streamId: 0, payload: uint32(LARGEST - 65_535) });
  });

  it("as a time arms no timer", async () => {
    const times = Object.keys(http2Limits({})).filter((name) => name.endsWith("Ms"));
    const options = Object.fromEntries(times.map((name) => [name, Number.POSITIVE_INFINITY])) as Http2Options;
    for (const role of ["client", "server"] as const) {
      const peer = new ScriptedPeer(role, options);
      if (role === "client") peer.handshake().open();
      expect(peer.clock.pendingTimers, role).toBe(0);
      await peer.clock.advance(100 * 3_600_000);
      expect([peer.limits, peer.closed]).toEqual([[], []]);
    }
  });
});

describe("LIMIT_NAMES", () => {
  it("are words of a counter's name, each once", () => {
    expect(new Set(LIMIT_NAMES).size).toBe(LIMIT_NAMES.length);
    for (const name of LIMIT_NAMES) expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
  });

  it.for([
    ["below what HTTP/2 allows", { maxFrameBytes: 1000 }, "option http2.maxFrameBytes: 1000 must be 16384 to 16777215"],
    ["lifted where HTTP/2 has a bound", { maxFrameBytes: Number.POSITIVE_INFINITY }, "must be 16384 to 16777215"],
    ["negative", { idleTimeoutMs: -1 }, "option http2.idleTimeoutMs: -1 must be a number of at least 0"],
    ["no number", { maxReplies: Number.NaN }, "option http2.maxReplies: NaN must be a number of at least 0"],
    ["0 where nothing would work", { maxConcurrentStreams: 0 }, "must be a number of at least 1"],
  ] as const)("refuses a value that is %s, and says which option", ([, options, message]) => {
    expect(() => http2Limits(options)).toThrow(message);
  });
});
