import { afterEach, describe, expect, it } from "vitest";
import { createVirtualClock } from "../testing/virtual-clock.js";
import { createHttp2Connection } from "./connection.js";
import type { Http2Options } from "./limits.js";
import {
  dataFrame,
  frame,
  headersFrame,
  pingAck,
  REQUEST,
  RESPONSE,
  RecordedStream,
  ScriptedPeer,
  uint32,
} from "./test/scripted-peer.js";
import { ErrorCode } from "./types.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const INITIAL_WINDOW_SIZE = 4;

const peers: ScriptedPeer[] = [];

function peerOf(role: "client" | "server", options: Http2Options = {}, window?: number): ScriptedPeer {
  const peer = new ScriptedPeer(role, options).handshake(window === undefined ? [] : [[INITIAL_WINDOW_SIZE, window]]);
  peers.push(peer);
  return peer;
}

/** What the connection under test said since the last call: types, with the code where there is one. */
function said(peer: ScriptedPeer): string[] {
  return peer.frames().map(({ type, code }) => (code === undefined ? type : `${type} ${code}`));
}

/** A server's stream that has `byteCount` bytes to send. */
function sending(peer: ScriptedPeer, id: number, byteCount: number): void {
  peer.raw(headersFrame(id, REQUEST, true));
  const stream = peer.streams.at(-1)?.stream;
  stream?.sendHeaders({ fields: RESPONSE }, undefined, false);
  stream?.sendData(Buffer.alloc(byteCount), true);
  peer.frames();
}

afterEach(() => {
  for (const { connection, clock } of peers.splice(0)) {
    connection.close(ErrorCode.NO_ERROR, "the test is over");
    expect(clock.pendingTimers, "a closed connection keeps no timer").toBe(0);
  }
});

describe("A27: an idle connection of a server", () => {
  it("drains after 1 h, which is told", async () => {
    const peer = peerOf("server");
    await peer.clock.advance(HOUR - 1);
    expect([said(peer), peer.limits]).toEqual([[], []]);
    await peer.clock.advance(1);
    const frames = peer.frames();
    expect(frames).toMatchObject([{ type: "GOAWAY", code: "NO_ERROR" }, { type: "PING" }]);
    expect([peer.limits, peer.closed]).toEqual([["idle_timeout"], []]);
    peer.raw(pingAck(frames));
    expect([said(peer), peer.closed]).toEqual([["GOAWAY NO_ERROR"], [undefined]]);
  });

  it("ends 20 s later when the PING of the drain is not answered", async () => {
    const peer = peerOf("server");
    await peer.clock.advance(HOUR);
    await peer.clock.advance(20 * SECOND - 1);
    expect([said(peer), peer.closed]).toEqual([["GOAWAY NO_ERROR", "PING"], []]);
    await peer.clock.advance(1);
    expect([said(peer), peer.closed]).toEqual([["GOAWAY NO_ERROR"], [undefined]]);
  });

  it("counts from the end of its last stream, and not while one is open", async () => {
    const peer = peerOf("server", { keepaliveTimeMs: Number.POSITIVE_INFINITY }).raw(headersFrame(1, REQUEST, true));
    await peer.clock.advance(3 * HOUR);
    expect(peer.limits).toEqual([]);
    peer.streams[0]?.stream?.sendHeaders({ fields: RESPONSE }, undefined, true);
    await peer.clock.advance(HOUR - 1);
    expect(peer.limits).toEqual([]);
    await peer.clock.advance(1);
    expect(peer.limits).toEqual(["idle_timeout"]);
  });

  it("is not kept by PINGs alone; a client's is the server's to end", async () => {
    const server = peerOf("server");
    for (let count = 0; count < 10; count++) {
      await server.clock.advance(6 * MINUTE);
      server.raw(headersFrame(2 * count + 1, REQUEST, true));
      server.streams.at(-1)?.stream?.sendHeaders({ fields: RESPONSE }, undefined, true);
    }
    await server.clock.advance(59 * MINUTE);
    server.raw(frame("PING", 0, 0, Buffer.alloc(8)));
    await server.clock.advance(MINUTE);
    expect(server.limits).toEqual(["idle_timeout"]);
    const client = peerOf("client");
    await client.clock.advance(10 * HOUR);
    expect([said(client), client.limits]).toEqual([[], []]);
  });
});

describe("A27: a stream on which nothing happens", () => {
  it.each([
    ["nothing comes", (_peer: ScriptedPeer) => {}, 5 * MINUTE],
    ["DATA came", (peer: ScriptedPeer) => peer.raw(dataFrame(1, Buffer.alloc(100))), 9 * MINUTE],
    ["WINDOW_UPDATE came", (peer: ScriptedPeer) => peer.raw(frame("WINDOW_UPDATE", 0, 1, uint32(1))), 9 * MINUTE],
    ["we sent", (peer: ScriptedPeer) => peer.streams[0]?.stream?.sendData(Buffer.alloc(100), false), 9 * MINUTE],
    ["another stream was busy", (peer: ScriptedPeer) => peer.raw(headersFrame(3, REQUEST)), 5 * MINUTE],
  ])("is reset 5 min later in the edge preset: %s", async (_name, act, dueMs) => {
    const peer = peerOf("server", { preset: "edge" }).raw(headersFrame(1, REQUEST));
    peer.streams[0]?.stream?.sendHeaders({ fields: RESPONSE }, undefined, false);
    await peer.clock.advance(4 * MINUTE);
    act(peer);
    await peer.clock.advance(dueMs - 4 * MINUTE - 1);
    expect(peer.streams[0]?.closed).toEqual([]);
    await peer.clock.advance(1);
    expect(peer.streams[0]?.closed).toMatchObject([{ code: ErrorCode.CANCEL, origin: "library" }]);
    expect([said(peer).at(-1), peer.limits, peer.closed]).toEqual(["RST_STREAM CANCEL", ["stream_idle_timeout"], []]);
  });

  it("may wait for ever in the mesh preset", async () => {
    const peer = peerOf("server", { keepaliveTimeMs: Number.POSITIVE_INFINITY }).raw(headersFrame(1, REQUEST));
    await peer.clock.advance(24 * HOUR);
    expect([peer.streams[0]?.closed, peer.limits]).toEqual([[], []]);
  });
});

describe("A27: keepalive", () => {
  it("asks a silent client after 2 h and gives it 20 s", async () => {
    const peer = peerOf("server").raw(headersFrame(1, REQUEST));
    await peer.clock.advance(2 * HOUR - 1);
    expect(said(peer)).toEqual([]);
    await peer.clock.advance(1);
    expect(said(peer)).toEqual(["PING"]);
    await peer.clock.advance(20 * SECOND - 1);
    expect(peer.closed).toEqual([]);
    await peer.clock.advance(1);
    expect([said(peer), peer.limits]).toEqual([["GOAWAY INTERNAL_ERROR"], ["keepalive_timeout"]]);
    expect(peer.streams[0]?.closed).toMatchObject([{ origin: "library", unprocessed: false }]);
  });

  it("asks again when as much time has passed since the answer, and not sooner", async () => {
    const peer = peerOf("client", { keepaliveTimeMs: 30 * SECOND });
    peer.open();
    peer.frames();
    for (let round = 0; round < 5; round++) {
      await peer.clock.advance(30 * SECOND - 1);
      expect(said(peer), `round ${round}`).toEqual([]);
      await peer.clock.advance(1);
      const frames = peer.frames();
      await peer.clock.advance(5 * SECOND);
      peer.raw(pingAck(frames));
    }
    expect([peer.limits, peer.closed]).toEqual([[], []]);
  });

  it("takes any bytes for an answer", async () => {
    const peer = peerOf("client", { keepaliveTimeMs: 30 * SECOND });
    peer.open();
    await peer.clock.advance(30 * SECOND);
    expect(said(peer)).toEqual(["HEADERS", "PING"]);
    await peer.clock.advance(10 * SECOND);
    peer.raw(headersFrame(1, RESPONSE));
    await peer.clock.advance(30 * SECOND - 1);
    expect([said(peer), peer.limits]).toEqual([[], []]);
    await peer.clock.advance(1);
    expect(said(peer)).toEqual(["PING"]);
  });

  it("is put off by what the peer sends", async () => {
    const peer = peerOf("server", { keepaliveTimeMs: MINUTE }).raw(headersFrame(1, REQUEST));
    for (let count = 0; count < 10; count++) {
      await peer.clock.advance(50 * SECOND);
      peer.raw(dataFrame(1, Buffer.alloc(100)));
    }
    expect(said(peer)).toEqual([]);
  });

  it("of a client asks only while streams are open, and at once when one opens after a long silence", async () => {
    const peer = peerOf("client", { keepaliveTimeMs: MINUTE });
    await peer.clock.advance(HOUR);
    expect(said(peer)).toEqual([]);
    peer.open(REQUEST, true);
    await peer.clock.advance(0);
    const frames = peer.frames();
    expect(frames.map(({ type }) => type)).toEqual(["HEADERS", "PING"]);
    peer.raw(pingAck(frames), headersFrame(1, RESPONSE, true));
    await peer.clock.advance(HOUR);
    expect([said(peer), peer.limits]).toEqual([[], []]);
  });

  it("of a client does not ask more often than every 10 s", async () => {
    const peer = peerOf("client", { keepaliveTimeMs: 1 });
    peer.open();
    await peer.clock.advance(10 * SECOND - 1);
    expect(said(peer)).toEqual(["HEADERS"]);
    await peer.clock.advance(1);
    expect(said(peer)).toEqual(["PING"]);
  });
});

describe("A27: the age of a server's connection", () => {
  it.each([
    [0, 54],
    [0.5, 60],
    [1, 66],
  ])("drains it, give or take 10 %: a random number of %d after %d min", async (random, minutes) => {
    const clock = createVirtualClock();
    const goAways: number[] = [];
    const connection = createHttp2Connection({
      role: "server",
      clock,
      rng: () => random,
      options: {
        maxConnectionAgeMs: HOUR,
        handshakeTimeoutMs: 9 * HOUR,
        settingsAckTimeoutMs: 9 * HOUR,
        idleTimeoutMs: 9 * HOUR,
      },
      handler: {
        onOutput: () => goAways.push(clock.nowMs()),
        onStream: () => new RecordedStream(),
        onCapacity() {},
        onClose() {},
      },
    });
    connection.takeOutput(() => {});
    await clock.advance(2 * HOUR);
    expect(goAways.at(1)).toBeCloseTo(minutes * MINUTE);
    connection.close(ErrorCode.NO_ERROR, "the test is over");
    expect(clock.pendingTimers).toBe(0);
  });

  it("lets streams finish, for as long as the grace is", async () => {
    const options = { maxConnectionAgeMs: HOUR, maxConnectionAgeGraceMs: 10 * MINUTE };
    const peer = peerOf("server", options).raw(headersFrame(1, REQUEST));
    await peer.clock.advance(HOUR);
    const frames = peer.frames();
    expect(frames).toMatchObject([{ type: "GOAWAY", code: "NO_ERROR" }, { type: "PING" }]);
    peer.raw(pingAck(frames));
    await peer.clock.advance(10 * MINUTE - 1);
    expect([said(peer), peer.closed, peer.limits]).toEqual([["GOAWAY NO_ERROR"], [], []]);
    await peer.clock.advance(1);
    expect([said(peer), peer.limits]).toEqual([["GOAWAY NO_ERROR"], ["connection_age"]]);
    expect(peer.streams[0]?.closed).toHaveLength(1);
  });

  it("ends in order when the streams do", async () => {
    const peer = peerOf("server", { maxConnectionAgeMs: HOUR }).raw(headersFrame(1, REQUEST, true));
    await peer.clock.advance(HOUR);
    peer.raw(pingAck(peer.frames()));
    await peer.clock.advance(HOUR / 2);
    peer.streams[0]?.stream?.sendHeaders({ fields: RESPONSE }, undefined, true);
    expect([peer.closed, peer.limits]).toEqual([[undefined], []]);
  });
});

describe("A16: a stream that gets nothing out", () => {
  it.each([
    ["mesh", 60],
    ["edge", 30],
  ] as const)("is reset, in the %s preset after %d s", async (preset, seconds) => {
    const peer = peerOf("server", { preset }, 10);
    sending(peer, 1, 11);
    await peer.clock.advance(seconds * SECOND - 1);
    expect(said(peer)).toEqual([]);
    await peer.clock.advance(1);
    expect([said(peer), peer.limits, peer.closed]).toEqual([["RST_STREAM CANCEL"], ["stall_timeout"], []]);
  });

  it("has as long again whenever something left, and no other stream's progress helps it", async () => {
    const peer = peerOf("server", {}, 10);
    sending(peer, 1, 100);
    sending(peer, 3, 100);
    for (let count = 0; count < 4; count++) {
      await peer.clock.advance(50 * SECOND);
      peer.raw(frame("WINDOW_UPDATE", 0, 1, uint32(10)));
    }
    expect(peer.limits).toEqual(["stall_timeout"]);
    expect(peer.streams.map(({ closed }) => closed.length)).toEqual([0, 1]);
    await peer.clock.advance(MINUTE);
    expect(peer.streams.map(({ closed }) => closed.length)).toEqual([1, 1]);
  });

  it("counts from the first byte that waits, not from later ones, and ends when nothing waits", async () => {
    const peer = peerOf("server", {}, 10).raw(headersFrame(1, REQUEST));
    const [recorded] = peer.streams;
    recorded?.stream?.sendHeaders({ fields: RESPONSE }, undefined, false);
    for (let count = 0; count < 7; count++) {
      recorded?.stream?.sendData(Buffer.alloc(10), false);
      await peer.clock.advance(11 * SECOND);
    }
    expect(peer.limits).toEqual(["stall_timeout"]);
    peer.raw(headersFrame(3, REQUEST));
    sending(peer, 5, 10);
    await peer.clock.advance(10 * MINUTE);
    expect(peer.limits).toEqual(["stall_timeout"]);
  });
});
