import { describe, expect, it } from "vitest";
import type { Http2Options } from "./limits.js";
import { dataFrame, headersFrame, REQUEST, ScriptedPeer } from "./test/scripted-peer.js";

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
