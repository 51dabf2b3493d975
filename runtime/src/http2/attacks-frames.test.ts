import { describe, expect, it } from "vitest";
import { FrameFlag, writeFrameHeader } from "./frame.js";
import type { Http2Options } from "./limits.js";
import { dataFrame, frame, headersFrame, REQUEST, ScriptedPeer, settingsFrame, uint32 } from "./test/scripted-peer.js";
import { ErrorCode } from "./types.js";

const CALM = [{ code: ErrorCode.ENHANCE_YOUR_CALM, origin: "library" }];

function peerOf(role: "client" | "server", options: Http2Options = {}): ScriptedPeer {
  return new ScriptedPeer(role, options).handshake();
}

/** A server with a request under way. */
function receiving(options: Http2Options = {}): ScriptedPeer {
  return peerOf("server", options).raw(headersFrame(1, REQUEST));
}

function unknownFrame(type: number, length: number): Buffer {
  const bytes = Buffer.alloc(9 + length, "x");
  writeFrameHeader(bytes, 0, length, type, 0xff, 1);
  return bytes;
}

/** Sends the same bytes again and again, and takes the answers. */
function repeat(peer: ScriptedPeer, count: number, bytes: Buffer): void {
  for (let sent = 0; sent < count; sent++) {
    peer.raw(bytes);
    peer.frames();
  }
}

describe("A9: SETTINGS", () => {
  it.for(["client", "server"] as const)(
    "beyond 100 in 10 s end the connection of a %s that reads and answers",
    async (role) => {
      const peer = peerOf(role);
      // One came with the handshake.
      repeat(peer, 99, settingsFrame([]));
      expect([peer.closed, peer.limits]).toEqual([[], []]);
      await peer.clock.advance(1000);
      repeat(peer, 10, settingsFrame([]));
      expect(peer.closed).toEqual([]);
      repeat(peer, 1, settingsFrame([]));
      expect(peer.closed).toMatchObject(CALM);
      expect(peer.limits).toEqual(["settings_rate"]);
    },
  );

  it("with 33 entries end the connection, with 32 they do not", () => {
    const entries = Array.from({ length: 32 }, () => [4, 65_535] as const);
    const peer = peerOf("server").raw(settingsFrame(entries));
    expect(peer.closed).toEqual([]);
    peer.raw(settingsFrame([...entries, [4, 65_535]]));
    expect(peer.closed).toMatchObject(CALM);
    expect(peer.limits).toEqual(["settings_entries"]);
  });

  it("acknowledged without having been sent are control frames, of which there can be too many", () => {
    const peer = peerOf("server", { controlBurst: 10 });
    repeat(peer, 10, frame("SETTINGS", FrameFlag.ACK, 0));
    expect(peer.closed).toEqual([]);
    repeat(peer, 1, frame("SETTINGS", FrameFlag.ACK, 0));
    expect(peer.closed).toMatchObject(CALM);
    expect(peer.limits).toEqual(["control_rate"]);
  });
});

describe("A13: empty frames that end nothing", () => {
  it.for([
    ["DATA", frame("DATA", 0, 1)],
    ["padded DATA", frame("DATA", FrameFlag.PADDED, 1, Buffer.alloc(8, 7))],
  ] as const)("beyond 10 in 10 s end the connection: %s", async ([, bytes]) => {
    const peer = receiving();
    repeat(peer, 10, bytes);
    expect([peer.closed, peer.limits]).toEqual([[], []]);
    await peer.clock.advance(1000);
    repeat(peer, 1, bytes);
    expect(peer.closed).toEqual([]);
    repeat(peer, 1, bytes);
    expect(peer.closed).toMatchObject(CALM);
    expect(peer.limits).toEqual(["empty_frames"]);
  });

  it("may end a stream as often as there are streams", () => {
    const peer = peerOf("server");
    for (let id = 1; id < 200; id += 2) peer.raw(headersFrame(id, REQUEST), dataFrame(id, Buffer.alloc(0), true));
    expect(peer.closed).toEqual([]);
  });
});

describe("A14: tiny DATA frames", () => {
  const byte = Buffer.from("x");

  it("beyond 10,000 end the connection when they complete nothing", () => {
    const peer = receiving({ maxTinyFramesPerTurn: Number.POSITIVE_INFINITY });
    repeat(peer, 10_000, dataFrame(1, byte));
    expect([peer.closed, peer.limits]).toEqual([[], []]);
    repeat(peer, 1, dataFrame(1, byte));
    expect(peer.closed).toMatchObject(CALM);
    expect(peer.limits).toEqual(["tiny_frames"]);
  });

  it("may come for ever when each completes a message, as small messages do", () => {
    const peer = receiving({ tinyFrameBurst: 100 });
    for (let count = 0; count < 1000; count++) {
      peer.raw(dataFrame(1, byte));
      peer.streams[0]?.stream?.progress();
    }
    expect(peer.closed).toEqual([]);
  });

  it("of 64 bytes are no longer tiny", () => {
    const peer = receiving({ tinyFrameBurst: 1 });
    repeat(peer, 10, dataFrame(1, Buffer.alloc(64)));
    expect(peer.closed).toEqual([]);
    repeat(peer, 2, dataFrame(1, Buffer.alloc(63)));
    expect(peer.closed).toMatchObject(CALM);
  });

  it("are as tiny with padding", () => {
    const peer = receiving({ tinyFrameBurst: 1 });
    const padded = frame("DATA", FrameFlag.PADDED, 1, Buffer.concat([Buffer.of(100), byte, Buffer.alloc(100)]));
    repeat(peer, 1, padded);
    expect(peer.closed).toEqual([]);
    repeat(peer, 1, padded);
    expect(peer.closed).toMatchObject(CALM);
  });

  it("count on streams that are gone as well", () => {
    const peer = receiving({ tinyFrameBurst: 5 });
    peer.streams[0]?.stream?.reset(ErrorCode.CANCEL);
    repeat(peer, 7, dataFrame(1, byte));
    expect(peer.closed).toMatchObject(CALM);
  });
});

describe("A18: PRIORITY", () => {
  const priority = frame("PRIORITY", 0, 1, Buffer.concat([uint32(3), Buffer.of(16)]));

  it("beyond 100 for the connection and each stream ends it", () => {
    const peer = receiving();
    repeat(peer, 200, priority);
    expect([peer.closed, peer.limits]).toEqual([[], []]);
    repeat(peer, 1, priority);
    expect(peer.closed).toMatchObject(CALM);
    expect(peer.limits).toEqual(["priority_frames"]);
  });

  it("that depends on itself ends the connection", () => {
    const peer = receiving().raw(frame("PRIORITY", 0, 1, Buffer.concat([uint32(1), Buffer.of(16)])));
    expect(peer.closed).toMatchObject([{ code: ErrorCode.PROTOCOL_ERROR }]);
  });
});

describe("A24: frames of unknown types", () => {
  it("beyond 1,000 in 10 s end the connection", () => {
    const peer = peerOf("client");
    repeat(peer, 1000, unknownFrame(0xc, 20));
    expect([peer.closed, peer.limits]).toEqual([[], []]);
    repeat(peer, 1, unknownFrame(0xa, 20));
    expect(peer.closed).toMatchObject(CALM);
    expect(peer.limits).toEqual(["unknown_frames"]);
  });

  it("are counted when their header has come, and their payload is not waited for, nor kept", () => {
    const bytes = unknownFrame(0xc, 16_384);
    for (const at of [3, 9, 500]) {
      const peer = peerOf("server", { maxUnknownFrames: 0 }).raw(bytes.subarray(0, at));
      if (at < 9) peer.raw(bytes.subarray(at, 9));
      expect(peer.limits, `cut at ${at}`).toEqual(["unknown_frames"]);
    }
  });

  it("are passed over in single bytes", () => {
    const peer = peerOf("server");
    for (const byte of Buffer.concat([unknownFrame(0xee, 30), headersFrame(1, REQUEST)])) peer.raw(Buffer.of(byte));
    expect([peer.streams.length, peer.closed]).toEqual([1, []]);
  });

  it("are passed over wherever they are cut", () => {
    const bytes = Buffer.concat([unknownFrame(0xee, 30), headersFrame(1, REQUEST), unknownFrame(0x7f, 0)]);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const peer = peerOf("server").raw(bytes.subarray(0, cut)).raw(bytes.subarray(cut));
      expect([peer.streams.length, peer.closed], `cut at ${cut}`).toEqual([1, []]);
    }
  });
});

describe("A26: lengths that lie", () => {
  it("end the connection as soon as a frame header tells of more than MAX_FRAME_SIZE", () => {
    const header = Buffer.alloc(9);
    writeFrameHeader(header, 0, 16_385, 0, 0, 1);
    for (let cut = 0; cut <= 9; cut++) {
      const peer = receiving().raw(header.subarray(0, cut)).raw(header.subarray(cut));
      expect(peer.closed).toMatchObject([{ code: ErrorCode.FRAME_SIZE_ERROR }]);
      expect(peer.limits, `cut at ${cut}`).toEqual(["frame_bytes"]);
    }
    expect(receiving().raw(dataFrame(1, Buffer.alloc(16_384))).closed).toEqual([]);
  });

  it("may be padding up to the last byte, and not beyond", () => {
    const padded = (padding: number): Buffer => frame("DATA", FrameFlag.PADDED, 1, Buffer.of(padding, 0, 0));
    expect(receiving().raw(padded(2)).closed).toEqual([]);
    expect(receiving().raw(padded(3)).closed).toMatchObject([{ code: ErrorCode.PROTOCOL_ERROR }]);
  });

  it.for([
    ["DATA", frame("DATA", FrameFlag.PADDED, 1, Buffer.of(255, 1, 2))],
    ["HEADERS", frame("HEADERS", FrameFlag.PADDED | FrameFlag.END_HEADERS, 3, Buffer.of(255, 0x82))],
  ] as const)("end the connection when padding is longer than its %s frame", ([, bytes]) => {
    expect(receiving().raw(bytes).closed).toMatchObject([{ code: ErrorCode.PROTOCOL_ERROR }]);
  });
});
