import { describe, expect, it } from "vitest";
import { FrameFlag } from "./frame.js";
import type { Http2Options } from "./limits.js";
import {
  dataFrame,
  frame,
  headersFrame,
  REQUEST,
  RESPONSE,
  ScriptedPeer,
  type SentFrame,
  settingsFrame,
  uint32,
} from "./test/scripted-peer.js";
import { ErrorCode } from "./types.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function ping(id: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(id, 4);
  return frame("PING", 0, 0, payload);
}

function peerOf(role: "client" | "server", options: Http2Options = {}): ScriptedPeer {
  return new ScriptedPeer(role, options).handshake();
}

/** A server with an open stream, whose headers went out and were forgiven. */
function withStream(options: Http2Options = {}): ScriptedPeer {
  return peerOf("server", options).raw(headersFrame(1, REQUEST));
}

function answers(frames: readonly SentFrame[]): number[] {
  return frames.filter(({ type }) => type === "PING").map(({ payload }) => payload.readUInt32BE(4));
}

describe("A11: PINGs to a server", () => {
  it("are struck when they come closer together than 5 min; the first is fine, the 3rd strike ends", () => {
    const peer = withStream();
    for (let id = 1; id <= 3; id++) peer.raw(ping(id));
    expect([answers(peer.frames()), peer.limits]).toEqual([[1, 2, 3], []]);
    peer.raw(ping(4));
    const frames = peer.frames();
    expect(frames).toMatchObject([{ type: "GOAWAY", code: "ENHANCE_YOUR_CALM" }]);
    expect(frames[0]?.payload.toString("latin1", 8)).toBe("too_many_pings");
    expect(peer.limits).toEqual(["ping_strikes"]);
    expect(peer.closed).toMatchObject([{ code: ErrorCode.ENHANCE_YOUR_CALM, origin: "library" }]);
  });

  it.each([
    ["with a stream open, 5 min", true, 5 * MINUTE],
    ["without one, 2 h", false, 2 * HOUR],
  ])("may come at their interval for ever: %s", async (_name, hasStream, intervalMs) => {
    const endless = { idleTimeoutMs: Number.POSITIVE_INFINITY, keepaliveTimeMs: Number.POSITIVE_INFINITY };
    const peer = hasStream ? withStream(endless) : peerOf("server", endless);
    for (let id = 1; id <= 10; id++) {
      peer.raw(ping(id));
      await peer.clock.advance(intervalMs);
    }
    expect([answers(peer.frames()).length, peer.limits]).toEqual([10, []]);
    for (let id = 1; id <= 3; id++) {
      peer.raw(ping(id));
      await peer.clock.advance(intervalMs - 1);
    }
    expect(peer.limits).toEqual([]);
    peer.raw(ping(4));
    expect(peer.limits).toEqual(["ping_strikes"]);
  });

  it.each([
    ["HEADERS", (peer: ScriptedPeer) => peer.streams[0]?.stream?.sendHeaders({ fields: RESPONSE }, undefined, false)],
    ["DATA", (peer: ScriptedPeer) => peer.streams[0]?.stream?.sendData(Buffer.alloc(1), false)],
  ])("are forgiven when the server sends %s", (_name, send) => {
    const peer = withStream();
    for (let round = 0; round < 5; round++) {
      // The first after what was sent asks with good reason.
      for (let id = 1; id <= 3; id++) peer.raw(ping(id));
      send(peer);
    }
    expect(peer.limits).toEqual([]);
    for (let id = 1; id <= 4; id++) peer.raw(ping(id));
    expect(peer.limits).toEqual(["ping_strikes"]);
  });

  it("are not forgiven for what only the peer sends, nor for our replies", () => {
    const peer = withStream();
    for (let id = 1; id <= 4; id++) {
      peer.raw(ping(id), dataFrame(1, Buffer.alloc(100)), settingsFrame([]), headersFrame(2 * id + 1, REQUEST));
    }
    expect(peer.limits).toEqual(["ping_strikes"]);
  });

  it("have an interval and strikes of a server's choice", async () => {
    const peer = withStream({ minPingIntervalMs: 1000, maxPingStrikes: 0 });
    peer.raw(ping(1));
    await peer.clock.advance(1000);
    peer.raw(ping(2));
    expect(peer.limits).toEqual([]);
    await peer.clock.advance(999);
    peer.raw(ping(3));
    expect(peer.limits).toEqual(["ping_strikes"]);
  });
});

describe("A11: control frames", () => {
  it("of a server that floods its client with PINGs have a burst of 1,000", () => {
    const peer = peerOf("client");
    for (let id = 1; id <= 1000; id++) {
      peer.raw(ping(id));
      if (id % 40 === 0) peer.frames();
    }
    expect([peer.limits, peer.closed]).toEqual([[], []]);
    peer.raw(ping(1001));
    expect(peer.limits).toEqual(["control_rate"]);
    expect(peer.frames().at(-1)).toMatchObject({ type: "GOAWAY", code: "ENHANCE_YOUR_CALM" });
  });

  it("have 100 more every second, and no more than the burst after a rest", async () => {
    const peer = peerOf("client");
    const flood = (count: number): void => {
      for (let id = 1; id <= count; id++) peer.raw(ping(id)).frames();
    };
    flood(1000);
    await peer.clock.advance(1000);
    flood(100);
    await peer.clock.advance(MINUTE);
    flood(1000);
    expect(peer.limits).toEqual([]);
    flood(1);
    expect(peer.limits).toEqual(["control_rate"]);
  });

  it.each([
    ["acknowledgements of PINGs that were not sent", frame("PING", FrameFlag.ACK, 0, Buffer.alloc(8, 1))],
    ["acknowledgements of SETTINGS that were not sent", frame("SETTINGS", FrameFlag.ACK, 0)],
    ["RST_STREAM on closed streams", frame("RST_STREAM", 0, 1, uint32(8))],
    ["GOAWAY", frame("GOAWAY", 0, 0, Buffer.alloc(8))],
  ])("are counted: %s", (_name, bytes) => {
    const peer = withStream({ controlBurst: 20, controlPerSecond: 0 });
    peer.raw(headersFrame(3, REQUEST));
    peer.streams[0]?.stream?.reset(ErrorCode.CANCEL);
    for (let count = 0; count < 20; count++) peer.raw(bytes);
    expect(peer.limits).toEqual([]);
    peer.raw(bytes);
    expect(peer.limits).toEqual(["control_rate"]);
  });

  it.each([
    ["DATA", (peer: ScriptedPeer) => peer.streams[0]?.stream?.sendData(Buffer.alloc(1), false)],
    ["HEADERS", (peer: ScriptedPeer) => peer.open(REQUEST, true)],
  ])("are earned by the %s that we send, as by a peer that measures the way", (_name, send) => {
    const peer = peerOf("client", { controlBurst: 5, controlPerSecond: 0 });
    peer.open();
    for (let id = 1; id <= 50; id++) {
      peer.raw(ping(id)).frames();
      send(peer);
    }
    expect(peer.limits).toEqual([]);
  });
});

describe("A12: replies that the peer does not read", () => {
  const options = { minPingIntervalMs: 0 };
  const pings = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, (_, index) => ping(index + 1)));

  it.each([
    ["in one read", (bytes: Buffer) => [bytes]],
    ["cut anywhere", (bytes: Buffer) => Array.from({ length: 350 }, (_, at) => bytes.subarray(at * 10, at * 10 + 10))],
  ])("stop reading at 50, and every frame is answered once when they are read: %s", (_name, cut) => {
    const peer = peerOf("server", options);
    // 200 PINGs, then a request.
    for (const piece of cut(Buffer.concat([pings(200), headersFrame(1, REQUEST)]))) peer.raw(piece);
    const seen: number[] = [];
    for (let round = 0; round < 4; round++) {
      expect([peer.connection.isReadPaused, peer.streams.length], `round ${round}`).toEqual([true, 0]);
      const frames = peer.frames();
      expect(frames).toHaveLength(50);
      seen.push(...answers(frames));
    }
    expect(seen).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
    expect([peer.connection.isReadPaused, peer.streams.length, peer.limits]).toEqual([false, 1, []]);
  });

  it("are acknowledgements of SETTINGS and resets as well", () => {
    const peer = peerOf("server", { ...options, maxConcurrentStreams: 1 }).raw(headersFrame(1, REQUEST));
    const refused = Array.from({ length: 20 }, (_, index) => headersFrame(2 * index + 3, REQUEST));
    peer.raw(...Array.from({ length: 20 }, () => settingsFrame([])), ...refused, pings(20));
    const frames = peer.frames();
    expect(frames.filter(({ type }) => type === "SETTINGS")).toHaveLength(20);
    expect(frames.filter(({ type }) => type === "RST_STREAM")).toHaveLength(20);
    expect(answers(frames)).toHaveLength(10);
  });

  it("stop a client's reading, too", () => {
    const peer = peerOf("client").raw(pings(60));
    expect(peer.connection.isReadPaused).toBe(true);
    expect(answers(peer.frames())).toHaveLength(50);
    expect(answers(peer.frames())).toHaveLength(10);
  });

  it("end the connection above 1,000 where reading does not pause", () => {
    const unlimited = { controlBurst: Number.POSITIVE_INFINITY, pauseAtReplies: Number.POSITIVE_INFINITY };
    const peer = peerOf("server", { ...options, ...unlimited }).raw(pings(1000));
    expect([peer.limits, peer.closed]).toEqual([[], []]);
    peer.raw(ping(1001));
    expect(peer.limits).toEqual(["pending_replies"]);
    expect(peer.frames().at(-1)).toMatchObject({ type: "GOAWAY", code: "ENHANCE_YOUR_CALM" });
  });

  it("are forgotten when they were taken", () => {
    const unlimited = { controlBurst: Number.POSITIVE_INFINITY, pauseAtReplies: Number.POSITIVE_INFINITY };
    const peer = peerOf("server", { ...options, ...unlimited });
    for (let round = 0; round < 5; round++) peer.raw(pings(1000)).frames();
    expect([peer.limits, peer.closed]).toEqual([[], []]);
  });
});
