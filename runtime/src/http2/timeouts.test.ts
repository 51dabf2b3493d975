import { afterEach, describe, expect, it } from "vitest";
import { CLIENT_PREFACE, FrameFlag } from "./frame.js";
import type { Http2Options } from "./limits.js";
import {
  dataFrame,
  frame,
  headersFrame,
  literals,
  pingAck,
  REQUEST,
  RESPONSE,
  ScriptedPeer,
  type SentFrame,
  settingsFrame,
} from "./test/scripted-peer.js";
import { ErrorCode } from "./types.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const ACK = frame("SETTINGS", FrameFlag.ACK, 0);

const peers: ScriptedPeer[] = [];

function peerOf(role: "client" | "server", options: Http2Options = {}): ScriptedPeer {
  const peer = new ScriptedPeer(role, options);
  peers.push(peer);
  return peer;
}

/** What the connection under test said last, as `TYPE code`. */
function lastWords(peer: ScriptedPeer): string {
  const last = peer.frames().at(-1);
  return last === undefined ? "" : `${last.type} ${last.code ?? ""}`.trim();
}

function types(frames: readonly SentFrame[]): string[] {
  return frames.map(({ type }) => type);
}

afterEach(() => {
  for (const { connection, clock } of peers.splice(0)) {
    connection.close(ErrorCode.NO_ERROR, "the test is over");
    expect(clock.pendingTimers, "a closed connection keeps no timer").toBe(0);
  }
});

describe("A27: a handshake that does not end", () => {
  const preface = Buffer.from(CLIENT_PREFACE);

  it.each([
    ["a server without a byte", "server", []],
    ["a server with half a preface", "server", [preface.subarray(0, 12)]],
    ["a server with a preface and no SETTINGS", "server", [preface]],
    ["a server with half of SETTINGS", "server", [preface, settingsFrame([[4, 1]]).subarray(0, 10)]],
    ["a client without a byte", "client", []],
  ] as const)("ends %s after 10 s", async (_name, role, pieces) => {
    // The half frame would be cut short by the timeout of header blocks.
    const peer = peerOf(role, { headerBlockTimeoutMs: Number.POSITIVE_INFINITY });
    for (const piece of pieces) peer.raw(piece);
    await peer.clock.advance(10 * SECOND - 1);
    expect(peer.closed).toEqual([]);
    await peer.clock.advance(1);
    expect(peer.closed).toMatchObject([{ code: ErrorCode.SETTINGS_TIMEOUT, origin: "library" }]);
    expect([lastWords(peer), peer.limits]).toEqual(["GOAWAY SETTINGS_TIMEOUT", ["handshake_timeout"]]);
  });

  it("is not prolonged by bytes that come one by one", async () => {
    const peer = peerOf("server");
    for (const byte of preface.subarray(0, 20)) {
      peer.raw(Buffer.of(byte));
      await peer.clock.advance(600);
    }
    expect(peer.limits).toEqual(["handshake_timeout"]);
  });
});

describe("A27: SETTINGS that are not acknowledged", () => {
  it.each(["client", "server"] as const)("end a %s's connection after 20 s", async (role) => {
    const peer = peerOf(role);
    if (role === "server") peer.raw(CLIENT_PREFACE);
    peer.raw(settingsFrame([]));
    await peer.clock.advance(20 * SECOND - 1);
    expect(peer.closed).toEqual([]);
    await peer.clock.advance(1);
    expect([lastWords(peer), peer.limits]).toEqual(["GOAWAY SETTINGS_TIMEOUT", ["settings_ack_timeout"]]);
  });

  it("count from when they were sent, also those of a window that grew", async () => {
    const peer = peerOf("server").handshake().raw(headersFrame(1, REQUEST));
    await peer.clock.advance(HOUR);
    for (let count = 0; count < 2; count++) peer.raw(dataFrame(1, Buffer.alloc(16_384)));
    const ping = pingAck(peer.frames());
    for (let count = 0; count < 2; count++) peer.raw(dataFrame(1, Buffer.alloc(16_384)));
    peer.raw(ping);
    expect(types(peer.frames())).toContain("SETTINGS");
    await peer.clock.advance(20 * SECOND - 1);
    expect(peer.closed).toEqual([]);
    await peer.clock.advance(1);
    expect(peer.limits).toEqual(["settings_ack_timeout"]);
  });

  it("are forgiven one by one", async () => {
    const peer = peerOf("server").handshake().raw(headersFrame(1, REQUEST));
    for (let count = 0; count < 2; count++) peer.raw(dataFrame(1, Buffer.alloc(16_384)));
    const ping = pingAck(peer.frames());
    for (let count = 0; count < 2; count++) peer.raw(dataFrame(1, Buffer.alloc(16_384)));
    peer.raw(ping, ACK);
    await peer.clock.advance(MINUTE);
    expect([peer.limits, peer.closed]).toEqual([[], []]);
  });
});

describe("A27: a header block that dribbles", () => {
  const block = frame("HEADERS", 0, 1, literals(REQUEST));
  const rest = frame("CONTINUATION", FrameFlag.END_HEADERS, 1, literals(["a", "b"]));

  it.each([
    ["in the 9 bytes of its frame's header", [block.subarray(0, 5)]],
    ["in its first frame", [block.subarray(0, 30)]],
    ["between its frames", [block]],
    ["in its CONTINUATION", [block, rest.subarray(0, 11)]],
    [
      "in a frame after a whole one",
      [Buffer.concat([headersFrame(1, REQUEST), headersFrame(3, REQUEST).subarray(0, 9)])],
    ],
  ])("ends the connection after 5 s %s", async (_name, pieces) => {
    const peer = peerOf("server").handshake();
    for (const piece of pieces) peer.raw(piece);
    await peer.clock.advance(5 * SECOND - 1);
    expect(peer.closed).toEqual([]);
    await peer.clock.advance(1);
    expect([lastWords(peer), peer.limits]).toEqual(["GOAWAY ENHANCE_YOUR_CALM", ["header_block_timeout"]]);
  });

  it("is not prolonged by its bytes", async () => {
    const peer = peerOf("server").handshake();
    for (const byte of Buffer.concat([block, rest]).subarray(0, 11)) {
      peer.raw(Buffer.of(byte));
      await peer.clock.advance(500);
    }
    expect(peer.limits).toEqual(["header_block_timeout"]);
  });

  it("may take almost as long, again and again", async () => {
    const peer = peerOf("server").handshake();
    for (const id of [1, 3, 5]) {
      peer.raw(frame("HEADERS", 0, id, literals(REQUEST)));
      await peer.clock.advance(4 * SECOND);
      peer.raw(frame("CONTINUATION", FrameFlag.END_HEADERS, id, literals(["a", "b"])));
    }
    await peer.clock.advance(MINUTE);
    expect([peer.streams.length, peer.limits]).toEqual([3, []]);
  });

  it("is something else than DATA that dribbles, which a slow sender may", async () => {
    const peer = peerOf("server").handshake().raw(headersFrame(1, REQUEST));
    const bytes = dataFrame(1, Buffer.alloc(20), true);
    peer.raw(bytes.subarray(0, 9));
    for (const byte of bytes.subarray(9)) {
      await peer.clock.advance(10 * SECOND);
      peer.raw(Buffer.of(byte));
    }
    expect([peer.streams[0]?.didEnd, peer.limits]).toEqual([true, []]);
  });

  it("is not held against a peer whose bytes we leave in the socket ourselves", async () => {
    // It reads slowly: a frame arrives in two parts while the output is full, and nothing is read before it moved.
    const peer = peerOf("server", { outputHighBytes: 1000 }).handshake().raw(headersFrame(1, REQUEST));
    peer.streams[0]?.stream?.sendHeaders({ fields: RESPONSE }, ["x-large", "~".repeat(1000)], false);
    peer.raw(block.subarray(0, 4));
    expect(peer.connection.isReadPaused).toBe(true);
    await peer.clock.advance(30 * SECOND);
    expect(peer.limits).toEqual([]);
    peer.frames();
    expect(peer.connection.isReadPaused).toBe(false);
    await peer.clock.advance(5 * SECOND);
    expect(peer.limits).toEqual(["header_block_timeout"]);
  });
});
