import { describe, expect, it } from "vitest";
import { createVirtualClock } from "../testing/virtual-clock.js";
import { createHttp2Connection } from "./connection.js";
import { CLIENT_PREFACE } from "./frame.js";
import type { Http2Options } from "./limits.js";
import { dataFrame, headersFrame, REQUEST, ScriptedPeer, settingsFrame } from "./test/scripted-peer.js";

const SMALL = dataFrame(1, Buffer.from("small"), false);

function small(count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => SMALL));
}

function reading(options: Http2Options): ScriptedPeer {
  return new ScriptedPeer("server", options).handshake().raw(headersFrame(1, REQUEST));
}

function piecesOf(peer: ScriptedPeer): number {
  return peer.streams[0]?.body.length ?? 0;
}

describe("A14: small frames", () => {
  it("give way to others after so many", async () => {
    const peer = reading({ maxTinyFramesPerTurn: 100, maxTinyFramesPerSecond: Number.POSITIVE_INFINITY });
    peer.raw(small(250), dataFrame(1, Buffer.from("the end"), true));
    expect([piecesOf(peer), peer.connection.isReadPaused]).toEqual([100, true]);
    await peer.clock.advance(0);
    expect([piecesOf(peer), peer.connection.isReadPaused, peer.closed]).toEqual([251, false, []]);
    expect(String(peer.streams[0]?.body.at(-1))).toBe("the end");
  });

  it("are read as fast as they may come, and what comes faster waits, in order, without harm", async () => {
    const peer = reading({ maxTinyFramesPerTurn: 100, maxTinyFramesPerSecond: 10_000 });
    await peer.clock.advance(1000);
    // As many as come in 20 ms may come at once.
    for (let turn = 0; turn < 3; turn += 1) {
      expect(piecesOf(peer)).toBe(turn * 100);
      peer.raw(small(100));
      await peer.clock.advance(0);
    }
    peer.raw(small(1), dataFrame(1, Buffer.from("the end"), true));
    await peer.clock.advance(19.9);
    expect([piecesOf(peer), peer.connection.isReadPaused]).toEqual([300, true]);
    await peer.clock.advance(0.2);
    expect([piecesOf(peer), peer.connection.isReadPaused]).toEqual([302, false]);
    expect(String(peer.streams[0]?.body.at(-1))).toBe("the end");
    expect([peer.closed, peer.limits]).toEqual([[], []]);
  });

  it("leave no timer when the connection ends meanwhile", () => {
    const peer = reading({ maxTinyFramesPerTurn: 100, maxTinyFramesPerSecond: 1000 });
    peer.raw(small(100));
    expect(peer.connection.isReadPaused).toBe(true);
    peer.connection.transportClosed(undefined);
    expect(peer.clock.pendingTimers).toBe(0);
  });

  it("of full size or none are not counted", () => {
    const peer = reading({ maxTinyFramesPerTurn: 10, maxTinyFramesPerSecond: 1000 });
    for (let count = 0; count < 100; count += 1) peer.raw(dataFrame(1, Buffer.alloc(64), false));
    expect(peer.connection.isReadPaused).toBe(false);
  });
});

describe("A14: frames that are full of small messages", () => {
  it("give way to others in the middle of a read when they take their time, and come in order", async () => {
    let nowMs = 0;
    const turns: number[][] = [];
    const received: number[] = [];
    const connection = createHttp2Connection({
      role: "server",
      clock: {
        ...createVirtualClock(),
        nowMs: () => nowMs,
        yield: (callback) => {
          turns.push(received.splice(0));
          setImmediate(callback);
        },
      },
      rng: () => 0.5,
      options: {},
      handler: {
        onOutput() {},
        onStream: () => ({
          onHeaders() {},
          onData: (bytes) => {
            received.push(bytes[0] as number);
            nowMs += 0.4;
          },
          onWritable() {},
          onClose() {},
        }),
        onCapacity() {},
        onClose() {},
      },
    });
    const frames = [1, 2, 3, 4, 5, 6, 7].map((mark) => dataFrame(1, Buffer.alloc(9_000, mark), mark === 7));
    connection.receive(
      Buffer.concat([CLIENT_PREFACE, settingsFrame([]), headersFrame(1, REQUEST), ...frames.slice(0, 5)]),
    );
    expect([turns, connection.isReadPaused]).toEqual([[[1, 2, 3]], true]);
    // What the transport had in its hands already.
    connection.receive(Buffer.concat(frames.slice(5)));
    await new Promise((resolve) => setImmediate(resolve));
    expect([turns, connection.isReadPaused]).toEqual([
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      true,
    ]);
    await new Promise((resolve) => setImmediate(resolve));
    expect([received, connection.isReadPaused]).toEqual([[7], false]);
  });
});
