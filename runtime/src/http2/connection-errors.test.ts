import { describe, expect, it, test } from "vitest";
import { CLIENT_PREFACE, FrameFlag } from "./frame.js";
import {
  dataFrame,
  frame,
  headersFrame,
  literals,
  REQUEST,
  RESPONSE,
  ScriptedPeer,
  settingsFrame,
  uint32,
} from "./test/scripted-peer.js";

const { END_HEADERS, END_STREAM, PADDED, PRIORITY, ACK } = FrameFlag;
const open = headersFrame(1, REQUEST);
const ended = headersFrame(1, REQUEST, true);
const zeros = (count: number): Buffer => Buffer.alloc(count);

describe("a server's connection errors", () => {
  test.for<[name: string, code: string, frames: Buffer[]]>([
    ["DATA on stream 0 (6.1)", "PROTOCOL_ERROR", [dataFrame(0, zeros(1))]],
    ["DATA on an idle stream (5.1)", "PROTOCOL_ERROR", [dataFrame(1, zeros(1))]],
    [
      "DATA with more padding than payload (6.1)",
      "PROTOCOL_ERROR",
      [open, frame("DATA", PADDED, 1, Buffer.from([2, 0]))],
    ],
    ["padded DATA without its pad length (6.1)", "FRAME_SIZE_ERROR", [open, frame("DATA", PADDED, 1)]],
    ["HEADERS on stream 0 (6.2)", "PROTOCOL_ERROR", [headersFrame(0, REQUEST)]],
    ["HEADERS on an even stream (5.1.1)", "PROTOCOL_ERROR", [headersFrame(2, REQUEST)]],
    [
      "HEADERS with more padding than payload (6.2)",
      "PROTOCOL_ERROR",
      [frame("HEADERS", PADDED | END_HEADERS, 1, Buffer.from([9, 0]))],
    ],
    ["a stream id below an earlier one (5.1.1)", "STREAM_CLOSED", [headersFrame(5, REQUEST), headersFrame(3, REQUEST)]],
    [
      "HEADERS that depend on themselves (5.3.1)",
      "PROTOCOL_ERROR",
      [frame("HEADERS", PRIORITY | END_HEADERS, 1, Buffer.concat([uint32(1), zeros(1), literals(REQUEST)]))],
    ],
    ["PRIORITY on stream 0 (6.3)", "PROTOCOL_ERROR", [frame("PRIORITY", 0, 0, zeros(5))]],
    ["RST_STREAM on an idle stream (6.4)", "PROTOCOL_ERROR", [frame("RST_STREAM", 0, 1, uint32(8))]],
    ["RST_STREAM on stream 0 (6.4)", "PROTOCOL_ERROR", [frame("RST_STREAM", 0, 0, uint32(8))]],
    ["RST_STREAM of 3 bytes (6.4)", "FRAME_SIZE_ERROR", [open, frame("RST_STREAM", 0, 1, zeros(3))]],
    ["SETTINGS on a stream (6.5)", "PROTOCOL_ERROR", [frame("SETTINGS", 0, 1)]],
    ["SETTINGS of 5 bytes (6.5)", "FRAME_SIZE_ERROR", [frame("SETTINGS", 0, 0, zeros(5))]],
    ["SETTINGS acknowledged with a payload (6.5)", "FRAME_SIZE_ERROR", [frame("SETTINGS", ACK, 0, zeros(6))]],
    ["ENABLE_PUSH of 2 (6.5.2)", "PROTOCOL_ERROR", [settingsFrame([[2, 2]])]],
    ["INITIAL_WINDOW_SIZE of 2^31 (6.5.2)", "FLOW_CONTROL_ERROR", [settingsFrame([[4, 2 ** 31]])]],
    ["MAX_FRAME_SIZE of 16383 (6.5.2)", "PROTOCOL_ERROR", [settingsFrame([[5, 16_383]])]],
    ["MAX_FRAME_SIZE of 2^24 (6.5.2)", "PROTOCOL_ERROR", [settingsFrame([[5, 2 ** 24]])]],
    [
      "33 settings in one frame",
      "ENHANCE_YOUR_CALM",
      [settingsFrame(Array.from({ length: 33 }, () => [99, 1] as const))],
    ],
    ["PUSH_PROMISE from a client (6.6)", "PROTOCOL_ERROR", [open, frame("PUSH_PROMISE", END_HEADERS, 1, uint32(2))]],
    ["PING on a stream (6.7)", "PROTOCOL_ERROR", [frame("PING", 0, 1, zeros(8))]],
    ["PING of 7 bytes (6.7)", "FRAME_SIZE_ERROR", [frame("PING", 0, 0, zeros(7))]],
    ["GOAWAY on a stream (6.8)", "PROTOCOL_ERROR", [frame("GOAWAY", 0, 1, zeros(8))]],
    ["GOAWAY of 7 bytes (6.8)", "FRAME_SIZE_ERROR", [frame("GOAWAY", 0, 0, zeros(7))]],
    ["WINDOW_UPDATE of 0 on the connection (6.9)", "PROTOCOL_ERROR", [frame("WINDOW_UPDATE", 0, 0, uint32(0))]],
    ["WINDOW_UPDATE of 3 bytes (6.9)", "FRAME_SIZE_ERROR", [frame("WINDOW_UPDATE", 0, 0, zeros(3))]],
    ["WINDOW_UPDATE on an idle stream (5.1)", "PROTOCOL_ERROR", [frame("WINDOW_UPDATE", 0, 1, uint32(1))]],
    [
      "a connection window above 2^31-1 (6.9.1)",
      "FLOW_CONTROL_ERROR",
      [frame("WINDOW_UPDATE", 0, 0, uint32(0x7fff_ffff))],
    ],
    [
      "INITIAL_WINDOW_SIZE that lifts a stream above 2^31-1 (6.9.2)",
      "FLOW_CONTROL_ERROR",
      [open, frame("WINDOW_UPDATE", 0, 1, uint32(0x7fff_ffff - 65_535)), settingsFrame([[4, 65_536]])],
    ],
    ["CONTINUATION without HEADERS (6.10)", "PROTOCOL_ERROR", [open, frame("CONTINUATION", END_HEADERS, 1)]],
    [
      "CONTINUATION of another stream (6.10)",
      "PROTOCOL_ERROR",
      [frame("HEADERS", 0, 1, literals(REQUEST)), frame("CONTINUATION", END_HEADERS, 3)],
    ],
    [
      "PING inside a header block (6.10)",
      "PROTOCOL_ERROR",
      [frame("HEADERS", 0, 1, literals(REQUEST)), frame("PING", 0, 0, zeros(8))],
    ],
    [
      "an unknown frame inside a header block (5.5)",
      "PROTOCOL_ERROR",
      [frame("HEADERS", 0, 1, literals(REQUEST)), Buffer.from([0, 0, 0, 99, 0, 0, 0, 0, 0])],
    ],
    ["a frame above MAX_FRAME_SIZE (4.2)", "FRAME_SIZE_ERROR", [open, dataFrame(1, zeros(16_385))]],
    [
      "a field block that is no HPACK (4.3)",
      "COMPRESSION_ERROR",
      [frame("HEADERS", END_HEADERS, 1, Buffer.from([0x80]))],
    ],
    ["DATA after END_STREAM from both sides (5.1)", "STREAM_CLOSED", [ended, dataFrame(1, zeros(1))]],
    [
      "HEADERS after the peer's own RST_STREAM (5.1)",
      "STREAM_CLOSED",
      [open, frame("RST_STREAM", 0, 1, uint32(8)), headersFrame(1, REQUEST)],
    ],
  ])("%s: %s", ([, code, frames]) => {
    const peer = new ScriptedPeer("server").handshake();
    peer.onStream = ({ stream, headers }) => {
      if (headers[0]?.endStream === true) stream?.sendHeaders({ fields: RESPONSE }, undefined, true);
    };
    peer.raw(...frames);
    const last = peer.frames().at(-1);
    expect(last).toMatchObject({ type: "GOAWAY", code });
    expect(peer.closed).toHaveLength(1);
    expect(peer.closed[0]).toMatchObject({ origin: "library" });
    for (const { closed } of peer.streams) expect(closed).toHaveLength(1);
  });

  it("ends a connection that does not begin with the preface (3.4)", () => {
    const peer = new ScriptedPeer("server").raw(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    expect(peer.frames().at(-1)).toMatchObject({ type: "GOAWAY", code: "PROTOCOL_ERROR" });
  });

  it("ends a connection whose first frame is not SETTINGS (3.4)", () => {
    const peer = new ScriptedPeer("server").raw(Buffer.from(CLIENT_PREFACE), frame("PING", 0, 0, zeros(8)));
    expect(peer.frames().at(-1)).toMatchObject({ type: "GOAWAY", code: "PROTOCOL_ERROR" });
  });

  it("reads nothing more after an error", () => {
    const peer = new ScriptedPeer("server").handshake();
    peer.raw(frame("PING", 0, 1, zeros(8)), open);
    peer.raw(open);
    expect(peer.streams).toHaveLength(0);
    expect(peer.closed).toHaveLength(1);
  });

  it("ends a connection whose replies the peer does not read", () => {
    const peer = new ScriptedPeer("server").handshake();
    const ping = frame("PING", 0, 0, zeros(8));
    peer.raw(...Array.from({ length: 1001 }, () => ping));
    expect(peer.frames().at(-1)).toMatchObject({ type: "GOAWAY", code: "ENHANCE_YOUR_CALM" });
  });

  it("closes a stream once when its reset is the reply too many", () => {
    const peer = new ScriptedPeer("server").handshake().raw(open);
    const ping = frame("PING", 0, 0, zeros(8));
    peer.raw(...Array.from({ length: 1000 }, () => ping), headersFrame(1, ["x", "y"]));
    expect(peer.closed).toHaveLength(1);
    expect(peer.streams[0]?.closed).toHaveLength(1);
  });

  it("ends a connection that splits a header block without end (6.10)", () => {
    const peer = new ScriptedPeer("server").handshake().raw(frame("HEADERS", END_STREAM, 1, literals(REQUEST)));
    for (let count = 0; count < 9; count++) peer.raw(frame("CONTINUATION", 0, 1, literals(["a", "b"])));
    expect(peer.frames().at(-1)).toMatchObject({ type: "GOAWAY", code: "ENHANCE_YOUR_CALM" });
  });
});

describe("a client's connection errors", () => {
  test.for<[name: string, code: string, frames: Buffer[]]>([
    ["PUSH_PROMISE (8.4)", "PROTOCOL_ERROR", [frame("PUSH_PROMISE", END_HEADERS, 1, uint32(2))]],
    ["a stream opened by the server (5.1.1)", "PROTOCOL_ERROR", [headersFrame(2, RESPONSE)]],
    ["HEADERS on a stream never opened (5.1)", "PROTOCOL_ERROR", [headersFrame(3, RESPONSE)]],
    ["ENABLE_PUSH of 1 from a server (6.5.2)", "PROTOCOL_ERROR", [settingsFrame([[2, 1]])]],
  ])("%s: %s", ([, code, frames]) => {
    const peer = new ScriptedPeer("client").handshake();
    const stream = peer.open();
    peer.raw(...frames);
    expect(peer.frames().at(-1)).toMatchObject({ type: "GOAWAY", code });
    expect(peer.closed).toHaveLength(1);
    expect(stream.closed).toHaveLength(1);
  });
});
