import { describe, expect, it } from "vitest";
import { FrameFlag } from "./frame.js";
import type { Http2Options } from "./limits.js";
import {
  dataFrame,
  frame,
  goAwayFrame,
  headersFrame,
  REQUEST,
  RESPONSE,
  ScriptedPeer,
  uint32,
} from "./test/scripted-peer.js";
import { ErrorCode } from "./types.js";

const CALM = [{ code: ErrorCode.ENHANCE_YOUR_CALM, origin: "library" }];
const rst = (id: number, code: number = ErrorCode.CANCEL): Buffer => frame("RST_STREAM", 0, id, uint32(code));

function serverOf(options: Http2Options = {}): ScriptedPeer {
  return new ScriptedPeer("server", options).handshake();
}

/** Opens streams one after the other, each with what follows its headers in the same read. */
function openEach(peer: ScriptedPeer, count: number, follow: (id: number) => Buffer, fields = REQUEST): void {
  const first = nextId.get(peer) ?? 1;
  for (let index = 0; index < count; index++) {
    const id = first + 2 * index;
    peer.raw(headersFrame(id, fields), follow(id));
    peer.frames();
  }
  nextId.set(peer, first + 2 * count);
}
const nextId = new WeakMap<ScriptedPeer, number>();

describe("A1: rapid reset", () => {
  it.for([
    ["mesh", 1000],
    ["edge", 200],
  ] as const)("of more streams than the %s preset forgives ends the connection", ([preset, burst]) => {
    const peer = serverOf({ preset });
    openEach(peer, burst, rst);
    expect([peer.closed, peer.limits]).toEqual([[], []]);
    openEach(peer, 1, rst);
    expect(peer.closed).toMatchObject(CALM);
    expect(peer.limits).toEqual(["rapid_reset"]);
  });

  it("is forgiven 33 times more for each second", async () => {
    const peer = serverOf();
    openEach(peer, 1000, rst);
    await peer.clock.advance(1000);
    openEach(peer, 33, rst);
    expect(peer.closed).toEqual([]);
    openEach(peer, 1, rst);
    expect(peer.closed).toMatchObject(CALM);
  });

  it("is forgiven once for each stream that ended in order", () => {
    const peer = serverOf({ resetBurst: 10 });
    openEach(peer, 10, rst);
    peer.onStream = ({ stream }) => stream?.sendHeaders({ fields: RESPONSE }, undefined, true);
    openEach(peer, 5, (id) => dataFrame(id, Buffer.alloc(0), true));
    peer.onStream = undefined;
    openEach(peer, 5, rst);
    expect(peer.closed).toEqual([]);
    openEach(peer, 1, rst);
    expect(peer.closed).toMatchObject(CALM);
  });

  it("is not what a client does that cancels 5,000 calls a second", async () => {
    const peer = serverOf();
    let id = 1;
    // Long enough to use up what is forgiven at first, if it were not earned back; the soak test does it for a minute.
    for (let second = 0; second < 15; second++) {
      for (let part = 0; part < 100; part++) {
        const ids = Array.from({ length: 50 }, (_, index) => id + 2 * index);
        for (const each of ids) peer.raw(headersFrame(each, REQUEST));
        peer.raw(...ids.map((each) => rst(each)));
        id += 100;
      }
      peer.frames();
      peer.streams.length = 0;
      await peer.clock.advance(1000);
    }
    expect([peer.closed, peer.limits, peer.connection.openStreams]).toEqual([[], [], 0]);
  });

  it("counts cancels of streams that had their turn as well: beyond 10,000 and 10,000 a second they end", () => {
    const peer = serverOf({ cancelBurst: 20 });
    for (let id = 1; id <= 41; id += 2) peer.raw(headersFrame(id, REQUEST)).raw(rst(id));
    expect(peer.closed).toMatchObject(CALM);
    expect(peer.limits).toEqual(["cancel_rate"]);
  });

  it("buys no more work: a reset stream keeps its place until its handler is done", () => {
    const peer = serverOf({ maxConcurrentStreams: 2 });
    peer.onStream = ({ stream }) => stream?.hold();
    openEach(peer, 2, rst);
    peer.raw(headersFrame(5, REQUEST));
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 5, code: "REFUSED_STREAM" }]);
    peer.streams[0]?.stream?.release();
    peer.raw(headersFrame(7, REQUEST));
    expect(peer.frames()).toEqual([]);
    expect(peer.streams.map(({ stream }) => stream?.id)).toEqual([1, 3, 7]);
  });

  it("of many calls at once is no flood of refused streams while their handlers end", () => {
    const peer = serverOf({ maxConcurrentStreams: 200 });
    peer.onStream = ({ stream }) => stream?.hold();
    openEach(peer, 200, () => Buffer.alloc(0));
    for (let id = 1; id < 400; id += 2) peer.raw(rst(id));
    openEach(peer, 200, () => Buffer.alloc(0));
    expect([peer.closed, new Set(peer.limits)]).toEqual([[], new Set(["concurrent_streams"])]);
    for (const { stream } of peer.streams) stream?.release();
    openEach(peer, 1, () => Buffer.alloc(0));
    expect(peer.connection.openStreams).toBe(1);
  });

  it("gives others their turn after 32 new streams of one read, and goes on without losing one", async () => {
    const peer = serverOf();
    const ids = Array.from({ length: 100 }, (_, index) => 2 * index + 1);
    peer.raw(...ids.map((id) => headersFrame(id, REQUEST)));
    expect([peer.streams.length, peer.connection.isReadPaused]).toEqual([32, true]);
    await peer.clock.advance(0);
    expect(peer.streams.map(({ stream }) => stream?.id)).toEqual(ids);
    expect([peer.connection.isReadPaused, peer.readable]).toEqual([false, 1]);
  });

  it("does not end the others' turn by taking what we said", async () => {
    const peer = serverOf();
    peer.raw(...Array.from({ length: 40 }, (_, index) => headersFrame(2 * index + 1, REQUEST)));
    peer.frames();
    expect([peer.streams.length, peer.connection.isReadPaused]).toEqual([32, true]);
    await peer.clock.advance(0);
    expect(peer.streams).toHaveLength(40);
  });

  it("keeps the place while any work of a stream goes on, also such as began after its end", () => {
    const peer = serverOf({ maxConcurrentStreams: 1 });
    peer.raw(headersFrame(1, REQUEST), rst(1));
    const stream = peer.streams[0]?.stream;
    stream?.hold();
    stream?.hold();
    stream?.release();
    peer.raw(headersFrame(3, REQUEST));
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 3, code: "REFUSED_STREAM" }]);
    stream?.release();
    peer.raw(headersFrame(5, REQUEST));
    expect(peer.frames()).toEqual([]);
  });
});

describe("A2: resets that the peer makes us send", () => {
  const malformed = ["x-no", "pseudo headers"];

  it("are charged like its own", () => {
    const peer = serverOf({ resetBurst: 10 });
    openEach(peer, 10, () => Buffer.alloc(0), malformed);
    expect([peer.closed, peer.limits]).toEqual([[], []]);
    openEach(peer, 1, () => Buffer.alloc(0), malformed);
    expect(peer.closed).toMatchObject(CALM);
    expect(peer.limits).toEqual(["rapid_reset"]);
  });

  it.for([
    ["WINDOW_UPDATE of 0", frame("WINDOW_UPDATE", 0, 1, uint32(0)), ErrorCode.PROTOCOL_ERROR],
    ["DATA after END_STREAM", dataFrame(1, Buffer.from("late")), ErrorCode.STREAM_CLOSED],
    ["HEADERS after END_STREAM", headersFrame(1, ["a", "b"], true), ErrorCode.STREAM_CLOSED],
    ["PRIORITY of 4 bytes", frame("PRIORITY", 0, 1, Buffer.alloc(4)), ErrorCode.FRAME_SIZE_ERROR],
    [
      "HEADERS that depend on themselves",
      frame("HEADERS", FrameFlag.END_HEADERS | FrameFlag.PRIORITY, 3, Buffer.concat([uint32(3), Buffer.of(0, 0x82)])),
      ErrorCode.PROTOCOL_ERROR,
    ],
  ] as const)("are not sent at all for %s, which no sound peer does: the connection ends", ([, bytes, code]) => {
    const peer = serverOf().raw(headersFrame(1, REQUEST, true), bytes);
    expect(peer.closed).toMatchObject([{ code }]);
  });
});

describe("A21: more streams than are allowed", () => {
  it("are refused, told, and end the connection beyond 100 in 10 s", async () => {
    const peer = serverOf({ maxConcurrentStreams: 1 });
    openEach(peer, 101, () => Buffer.alloc(0));
    expect([peer.closed, peer.streams.length]).toEqual([[], 1]);
    expect(new Set(peer.limits)).toEqual(new Set(["concurrent_streams"]));
    await peer.clock.advance(1000);
    openEach(peer, 10, () => Buffer.alloc(0));
    expect(peer.closed).toEqual([]);
    openEach(peer, 1, () => Buffer.alloc(0));
    expect(peer.closed).toMatchObject(CALM);
    expect(peer.limits.at(-1)).toBe("refused_streams");
  });
});

describe("A22: stream ids that run out", () => {
  it("make a client drain and say so, so that the next stream takes another connection", async () => {
    const peer = new ScriptedPeer("client", { maxStreamId: 3 }).handshake();
    peer.open();
    peer.open();
    const { capacity } = peer;
    expect(peer.connection.canOpenStream).toBe(false);
    await peer.clock.advance(0);
    expect([peer.connection.isDraining, peer.capacity, peer.limits]).toEqual([true, capacity + 1, ["stream_ids"]]);
    expect(peer.closed).toEqual([]);
    for (const { stream } of peer.streams) stream?.reset(ErrorCode.CANCEL);
    expect(peer.closed).toEqual([undefined]);
  });

  it("make a server drain when its peer goes beyond", () => {
    const peer = serverOf({ maxStreamId: 3 });
    peer.raw(headersFrame(3, REQUEST));
    expect(peer.connection.isDraining).toBe(false);
    peer.raw(headersFrame(5, REQUEST));
    expect(peer.frames()).toMatchObject([{ type: "GOAWAY", code: "NO_ERROR" }, { type: "PING" }]);
    expect(peer.limits).toEqual(["stream_ids"]);
  });
});

describe("A23: GOAWAY", () => {
  it("may not raise its last id: what is above the lowest is unprocessed", () => {
    const peer = new ScriptedPeer("client").handshake();
    const streams = [peer.open(), peer.open(), peer.open()];
    peer.raw(goAwayFrame(3, ErrorCode.NO_ERROR), goAwayFrame(5, ErrorCode.NO_ERROR));
    expect(streams.map(({ closed }) => closed.map((error) => error?.unprocessed))).toEqual([[], [], [true]]);
  });

  it("is kept for 1 KiB of its debug data", () => {
    const peer = new ScriptedPeer("client").handshake();
    peer.raw(goAwayFrame(0, ErrorCode.INTERNAL_ERROR, "x".repeat(16_000)));
    expect(peer.closed[0]?.message.length).toBeLessThan(1200);
  });

  it("can't come for ever", () => {
    const peer = new ScriptedPeer("client", { controlBurst: 10 }).handshake();
    peer.open();
    for (let count = 0; count < 12; count++) peer.raw(goAwayFrame(1, ErrorCode.NO_ERROR));
    expect(peer.closed).toMatchObject(CALM);
    expect(peer.limits).toEqual(["control_rate"]);
  });

  it("of ours with an error is the last thing that happens: nothing is read after it", () => {
    const peer = serverOf().raw(frame("PING", 0, 1, Buffer.alloc(8)), headersFrame(1, REQUEST));
    peer.raw(headersFrame(3, REQUEST));
    expect(peer.closed).toMatchObject([{ code: ErrorCode.PROTOCOL_ERROR }]);
    expect(peer.streams).toEqual([]);
  });
});

describe("A25: PUSH_PROMISE", () => {
  it.for(["client", "server"] as const)("ends the connection of a %s", (role) => {
    const peer = new ScriptedPeer(role).handshake();
    peer.raw(frame("PUSH_PROMISE", FrameFlag.END_HEADERS, 1, Buffer.of(0, 0, 0, 2, 0x82)));
    expect(peer.closed).toMatchObject([{ code: ErrorCode.PROTOCOL_ERROR }]);
  });
});

describe("A32: bytes that are not HTTP/2", () => {
  it.for(["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/1.1\r\n", "\x16\x03\x01"])("end the connection at once: %j", (text) => {
    const peer = new ScriptedPeer("server").raw(Buffer.from(text, "latin1"));
    expect(peer.closed).toMatchObject([{ code: ErrorCode.PROTOCOL_ERROR }]);
  });
});
