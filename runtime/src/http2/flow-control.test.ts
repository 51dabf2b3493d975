import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameFlag } from "./frame.js";
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

const response = { fields: RESPONSE };
const trailers = { fields: ["grpc-status", "0"] };
const INITIAL_WINDOW_SIZE = 4;

function bodyBytes(frames: readonly SentFrame[], streamId: number): number {
  return frames
    .filter((sent) => sent.type === "DATA" && sent.streamId === streamId)
    .reduce((sum, { payload }) => sum + payload.length, 0);
}

/** A server with one stream whose headers went out. */
function answering(settings: readonly (readonly [number, number])[], ...ids: number[]): ScriptedPeer {
  const peer = new ScriptedPeer("server").handshake(settings);
  for (const id of ids) peer.raw(headersFrame(id, REQUEST, true));
  for (const { stream } of peer.streams) stream?.sendHeaders(response, undefined, false);
  peer.frames();
  return peer;
}

describe("sending", () => {
  it("keeps to the stream's window and goes on with WINDOW_UPDATE (6.9)", () => {
    const peer = answering([[INITIAL_WINDOW_SIZE, 10]], 1);
    peer.streams[0]?.stream?.sendData(Buffer.alloc(25), true);
    expect(bodyBytes(peer.frames(), 1)).toBe(10);
    peer.raw(frame("WINDOW_UPDATE", 0, 1, uint32(5)));
    expect(bodyBytes(peer.frames(), 1)).toBe(5);
    peer.raw(frame("WINDOW_UPDATE", 0, 1, uint32(1000)));
    const last = peer.frames();
    expect(bodyBytes(last, 1)).toBe(10);
    expect(last.at(-1)?.flags).toBe(FrameFlag.END_STREAM);
    expect(peer.streams[0]?.closed).toEqual([undefined]);
  });

  it("keeps to the connection's window", () => {
    const peer = answering([[INITIAL_WINDOW_SIZE, 1_000_000]], 1);
    peer.streams[0]?.stream?.sendData(Buffer.alloc(100_000), true);
    expect(bodyBytes(peer.frames(), 1)).toBe(65_535);
    peer.raw(frame("WINDOW_UPDATE", 0, 0, uint32(1_000_000)));
    expect(bodyBytes(peer.frames(), 1)).toBe(100_000 - 65_535);
  });

  it("never exceeds MAX_FRAME_SIZE", () => {
    const peer = answering([], 1);
    peer.streams[0]?.stream?.sendData(Buffer.alloc(40_000), true);
    expect(Math.max(...peer.frames().map(({ payload }) => payload.length))).toBe(16_384);
  });

  it("follows a window that the peer made negative (6.9.2)", () => {
    const peer = answering([[INITIAL_WINDOW_SIZE, 100]], 1);
    const stream = peer.streams[0]?.stream;
    stream?.sendData(Buffer.alloc(80), false);
    peer.raw(settingsFrame([[INITIAL_WINDOW_SIZE, 30]]));
    peer.frames();
    stream?.sendData(Buffer.alloc(40), true);
    expect(bodyBytes(peer.frames(), 1), "the window is -50").toBe(0);
    peer.raw(frame("WINDOW_UPDATE", 0, 1, uint32(50)));
    expect(bodyBytes(peer.frames(), 1), "the window is 0").toBe(0);
    peer.raw(frame("WINDOW_UPDATE", 0, 1, uint32(1)));
    expect(bodyBytes(peer.frames(), 1)).toBe(1);
    peer.raw(settingsFrame([[INITIAL_WINDOW_SIZE, 1000]]));
    expect(bodyBytes(peer.frames(), 1)).toBe(39);
  });

  it("ends a stream whose window is 0 or negative, since that takes no window (6.9)", () => {
    const peer = answering([[INITIAL_WINDOW_SIZE, 10]], 1);
    peer.streams[0]?.stream?.sendData(Buffer.alloc(10), false);
    peer.raw(settingsFrame([[INITIAL_WINDOW_SIZE, 0]]));
    peer.streams[0]?.stream?.sendData(new Uint8Array(0), true);
    expect(peer.frames().at(-1)).toMatchObject({ type: "DATA", flags: FrameFlag.END_STREAM });
    expect(peer.streams[0]?.closed).toEqual([undefined]);
  });

  it("holds trailers back until the body before them is out", () => {
    const peer = answering([[INITIAL_WINDOW_SIZE, 10]], 1);
    const [recorded] = peer.streams;
    recorded?.stream?.sendData(Buffer.alloc(25), false);
    recorded?.stream?.sendHeaders(trailers, undefined, true);
    expect(peer.frames().map(({ type }) => type)).toEqual(["DATA"]);
    peer.raw(frame("WINDOW_UPDATE", 0, 1, uint32(15)));
    expect(peer.frames().map(({ type }) => type)).toEqual(["DATA", "HEADERS"]);
    expect(recorded?.closed).toEqual([undefined]);
  });

  it("shares the connection's window between streams, a frame each in turn", () => {
    const peer = answering([[INITIAL_WINDOW_SIZE, 1_000_000]], 1, 3, 5);
    for (const { stream } of peer.streams) stream?.sendData(Buffer.alloc(200_000), true);
    peer.frames();
    peer.raw(frame("WINDOW_UPDATE", 0, 0, uint32(6 * 16_384)));
    const frames = [...peer.frames(), ...peer.frames()].filter(({ type }) => type === "DATA");
    for (const id of [1, 3, 5]) expect(bodyBytes(frames, id)).toBe(2 * 16_384);
  });

  it("has memory filled as far as it sends, and all of it before it returns", () => {
    const peer = answering([[INITIAL_WINDOW_SIZE, 40_000]], 1);
    const bytes = Buffer.alloc(50_000);
    const asked: number[] = [];
    const fill = (byteCount: number): void => {
      bytes.fill("x", 0, byteCount);
      asked.push(byteCount);
    };
    peer.streams[0]?.stream?.sendData(bytes, true, Buffer.from("12345"), { fill, onLeft: () => {} });
    const sent = asked.splice(0);
    peer.raw(frame("WINDOW_UPDATE", 0, 1, uint32(10_005)));
    const frames = peer.frames().filter(({ type }) => type === "DATA");
    expect([sent, asked]).toEqual([[16_379, 32_763, 50_000], []]);
    expect(Buffer.concat(frames.map(({ payload }) => payload)).toString()).toBe(`12345${"x".repeat(50_000)}`);
  });

  it("asks the user to wait, then says when to go on", () => {
    const peer = answering([[INITIAL_WINDOW_SIZE, 0]], 1);
    const [recorded] = peer.streams;
    expect(recorded?.stream?.sendData(Buffer.alloc(32 * 1024), false)).toBe(true);
    expect(recorded?.stream?.sendData(Buffer.alloc(1), false)).toBe(false);
    peer.raw(frame("WINDOW_UPDATE", 0, 0, uint32(1_000_000)), frame("WINDOW_UPDATE", 0, 1, uint32(12 * 1024)));
    expect(recorded?.writable).toBe(0);
    peer.raw(frame("WINDOW_UPDATE", 0, 1, uint32(12 * 1024)));
    expect(recorded?.writable).toBe(1);
  });

  it("leaves bodies in their streams while nobody takes the output", () => {
    const peer = answering([[INITIAL_WINDOW_SIZE, 0x7fff_ffff]], 1);
    peer.raw(frame("WINDOW_UPDATE", 0, 0, uint32(0x7fff_0000 - 65_535)));
    const [recorded] = peer.streams;
    let accepted = 0;
    while (accepted < 100 && recorded?.stream?.sendData(Buffer.alloc(16_384), false) === true) accepted += 1;
    expect(accepted).toBeLessThan(100);
    let taken = 0;
    for (let count = bodyBytes(peer.frames(), 1); count > 0; count = bodyBytes(peer.frames(), 1)) taken += count;
    expect(taken).toBe((accepted + 1) * 16_384);
  });

  it("drops what a reset stream has queued", () => {
    const peer = answering([[INITIAL_WINDOW_SIZE, 10]], 1);
    peer.streams[0]?.stream?.sendData(Buffer.alloc(25), true);
    peer.streams[0]?.stream?.reset(ErrorCode.CANCEL);
    peer.frames();
    peer.raw(frame("WINDOW_UPDATE", 0, 1, uint32(15)));
    expect(peer.frames()).toEqual([]);
  });
});

describe("receiving", () => {
  const options = {
    initialStreamWindowBytes: 100_000,
    maxStreamWindowBytes: 100_000,
    connectionWindowBytes: 150_000,
    maxConnectionWindowBytes: 150_000,
  };

  it("gives bytes back in batches, when half a window was consumed", () => {
    const peer = new ScriptedPeer("server", options).handshake().raw(headersFrame(1, REQUEST));
    for (let sent = 0; sent < 49_000; sent += 7_000) peer.raw(dataFrame(1, Buffer.alloc(7_000)));
    expect(peer.frames()).toEqual([]);
    peer.raw(dataFrame(1, Buffer.alloc(7_000)));
    expect(peer.frames()).toMatchObject([{ type: "WINDOW_UPDATE", streamId: 1, payload: uint32(56_000) }]);
    for (let sent = 0; sent < 21_000; sent += 7_000) peer.raw(dataFrame(1, Buffer.alloc(7_000)));
    expect(peer.frames()).toMatchObject([{ type: "WINDOW_UPDATE", streamId: 0, payload: uint32(77_000) }]);
  });

  it("sends no WINDOW_UPDATE on a stream that has ended", () => {
    const peer = new ScriptedPeer("server", options).handshake().raw(headersFrame(1, REQUEST));
    for (let count = 0; count < 6; count++) peer.raw(dataFrame(1, Buffer.alloc(8_000)));
    peer.raw(dataFrame(1, Buffer.alloc(8_000), true));
    expect(peer.frames().filter(({ streamId }) => streamId === 1)).toEqual([]);
  });

  it.each([
    ["stream", { initialStreamWindowBytes: 70_000 }, 70_001],
    ["connection", { initialStreamWindowBytes: 200_000, connectionWindowBytes: 70_000 }, 70_001],
  ])("does not let a peer exceed the %s's window (6.9.1)", (_name, windows, byteCount) => {
    const peer = new ScriptedPeer("server", windows).handshake();
    peer.onStream = (recorded) => {
      recorded.consumes = false;
    };
    peer.raw(headersFrame(1, REQUEST));
    for (let rest = byteCount; rest > 0; rest -= 10_000) peer.raw(dataFrame(1, Buffer.alloc(Math.min(rest, 10_000))));
    expect(peer.frames().at(-1)).toMatchObject({ code: "FLOW_CONTROL_ERROR" });
  });

  it("takes what a peer sent before it saw that our window is below 65,535 (6.9.2)", () => {
    const peer = new ScriptedPeer("client", { initialStreamWindowBytes: 1000 });
    peer.raw(settingsFrame([]));
    const stream = peer.open(REQUEST, true);
    stream.consumes = false;
    peer.raw(headersFrame(1, RESPONSE), dataFrame(1, Buffer.alloc(16_000)), dataFrame(1, Buffer.alloc(16_000), true));
    expect(stream.closed).toEqual([undefined]);
    peer.raw(frame("SETTINGS", FrameFlag.ACK, 0));
    const later = peer.open(REQUEST, true);
    later.consumes = false;
    peer.frames();
    peer.raw(headersFrame(3, RESPONSE), dataFrame(3, Buffer.alloc(1001)));
    expect(peer.frames()).toMatchObject([{ code: "FLOW_CONTROL_ERROR" }]);
  });

  it("gives back what was never delivered: padding, late frames, unread bodies of reset streams", () => {
    const peer = new ScriptedPeer("server", { connectionWindowBytes: 70_000 }).handshake();
    peer.onStream = (recorded) => {
      recorded.consumes = false;
    };
    for (let id = 1; id < 200; id += 2) {
      peer.raw(
        headersFrame(id, REQUEST),
        frame("DATA", FrameFlag.PADDED, id, Buffer.from([200, ...new Array(2000).fill(0)])),
      );
      peer.streams.at(-1)?.stream?.reset(ErrorCode.CANCEL);
      peer.raw(dataFrame(id, Buffer.alloc(2000)));
      peer.frames();
    }
    expect(peer.closed).toEqual([]);
  });

  it("gives every consumed byte back once, whatever users say and do", () => {
    const step = fc.record({
      id: fc.constantFrom(1, 3, 5),
      data: fc.nat(3000),
      consume: fc.nat(9000),
      reset: fc.nat(19),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const peer = new ScriptedPeer("server", {
          connectionWindowBytes: 80_000,
          initialStreamWindowBytes: 70_000,
        }).handshake();
        peer.onStream = (recorded) => {
          recorded.consumes = false;
        };
        let available = 80_000;
        for (const id of [1, 3, 5]) peer.raw(headersFrame(id, REQUEST));
        for (const { id, data, consume, reset } of steps) {
          const stream = peer.streams[(id - 1) / 2]?.stream;
          if (data <= available) {
            peer.raw(dataFrame(id, Buffer.alloc(data)));
            available -= data;
          }
          stream?.consume(consume);
          if (reset === 0) stream?.reset(ErrorCode.CANCEL);
          for (const sent of peer.frames()) {
            if (sent.type === "WINDOW_UPDATE" && sent.streamId === 0) available += sent.payload.readUInt32BE(0);
          }
          expect(available).toBeLessThanOrEqual(80_000);
        }
        expect(peer.closed).toEqual([]);
      }),
    );
  });
});
