import { describe, expect, it, test } from "vitest";
import { FrameFlag } from "./frame.js";
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

const { END_STREAM } = FrameFlag;
const response = { fields: RESPONSE };
const trailers = { fields: ["grpc-status", "0"] };

describe("a request that a server receives", () => {
  const fields = (...changes: [name: string, value: string | undefined][]): string[] => {
    const map = new Map<string, string>();
    for (let index = 0; index < REQUEST.length; index += 2)
      map.set(REQUEST[index] as string, REQUEST[index + 1] as string);
    for (const [name, value] of changes) value === undefined ? map.delete(name) : map.set(name, value);
    return [...map].flat();
  };
  test.for<[reason: string, fields: string[]]>([
    ["upper case in a name (8.2.1)", fields(["Upper", "x"])],
    ["a space in a name (8.2.1)", fields(["a b", "x"])],
    ["an empty name (8.2.1)", fields(["", "x"])],
    ["a colon inside a name (8.2.1)", fields(["a:b", "x"])],
    ["CR in a value (8.2.1)", fields(["a", "x\ry"])],
    ["LF in a value (8.2.1)", fields(["a", "x\ny"])],
    ["NUL in a value (8.2.1)", fields(["a", "x\0y"])],
    ["a value that begins with a space (8.2.1)", fields(["a", " x"])],
    ["a value that ends with a tab (8.2.1)", fields(["a", "x\t"])],
    ["connection (8.2.2)", fields(["connection", "close"])],
    ["keep-alive (8.2.2)", fields(["keep-alive", "1"])],
    ["proxy-connection (8.2.2)", fields(["proxy-connection", "close"])],
    ["transfer-encoding (8.2.2)", fields(["transfer-encoding", "chunked"])],
    ["upgrade (8.2.2)", fields(["upgrade", "h2c"])],
    ["te other than trailers (8.2.2)", fields(["te", "gzip"])],
    ["an unknown pseudo header (8.3)", [":x", "y", ...REQUEST]],
    ["a pseudo header after a regular one (8.3)", [...REQUEST, ":authority", "a"]],
    ["a response's pseudo header (8.3)", [":status", "200", ...REQUEST]],
    [":method twice (8.3.1)", [":method", "GET", ...REQUEST]],
    [":path twice (8.3.1)", [":path", "/x", ...REQUEST]],
    [":scheme twice (8.3.1)", [":scheme", "http", ...REQUEST]],
    [":authority twice (8.3.1)", [":authority", "a", ":authority", "b", ...REQUEST]],
    [":method missing (8.3.1)", fields([":method", undefined])],
    [":scheme missing (8.3.1)", fields([":scheme", undefined])],
    [":path missing (8.3.1)", fields([":path", undefined])],
    [":path empty (8.3.1)", fields([":path", ""])],
    ["content-length that is no number (8.1.1)", fields(["content-length", "-1"])],
    ["two content-lengths that differ (8.1.1)", [...REQUEST, "content-length", "1", "content-length", "2"]],
  ])("resets the stream for %s", ([, list]) => {
    const peer = new ScriptedPeer("server").handshake().raw(headersFrame(1, list));
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 1, code: "PROTOCOL_ERROR" }]);
    expect(peer.streams).toHaveLength(0);
    expect(peer.closed).toEqual([]);
    peer.raw(dataFrame(1, Buffer.from("late")), headersFrame(3, REQUEST, true));
    expect(peer.frames(), "late frames are no errors").toEqual([]);
    expect(peer.streams).toHaveLength(1);
  });

  test.for<[reason: string, frames: Buffer[]]>([
    [
      "a body shorter than its content-length",
      [headersFrame(1, [...REQUEST, "content-length", "2"]), dataFrame(1, Buffer.alloc(1), true)],
    ],
    [
      "a body longer than its content-length",
      [headersFrame(1, [...REQUEST, "content-length", "2"]), dataFrame(1, Buffer.alloc(3))],
    ],
    ["no body with a content-length", [headersFrame(1, [...REQUEST, "content-length", "2"], true)]],
    ["trailers that do not end the stream", [headersFrame(1, REQUEST), headersFrame(1, ["a", "b"])]],
    ["trailers with a pseudo header", [headersFrame(1, REQUEST), headersFrame(1, [":path", "/"], true)]],
  ])("resets the stream for %s (8.1, 6.9)", ([, frames]) => {
    const peer = new ScriptedPeer("server").handshake().raw(...frames);
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 1, code: "PROTOCOL_ERROR" }]);
    for (const { closed } of peer.streams)
      expect(closed).toMatchObject([{ code: ErrorCode.PROTOCOL_ERROR, origin: "library" }]);
    expect(peer.connection.openStreams).toBe(0);
  });

  it("is refused above MAX_CONCURRENT_STREAMS (5.1.2)", () => {
    const peer = new ScriptedPeer("server", { maxConcurrentStreams: 1 }).handshake();
    peer.raw(headersFrame(1, REQUEST), headersFrame(3, REQUEST), dataFrame(3, Buffer.from("late"), true));
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 3, code: "REFUSED_STREAM" }]);
    peer.streams[0]?.stream?.reset(ErrorCode.CANCEL);
    peer.raw(headersFrame(5, REQUEST));
    expect(peer.streams).toHaveLength(2);
  });

  it("is answered, and closes once both sides ended", () => {
    const peer = new ScriptedPeer("server").handshake();
    peer.raw(headersFrame(1, REQUEST), dataFrame(1, Buffer.from("ask"), true));
    const [recorded] = peer.streams;
    recorded?.stream?.sendHeaders(response, undefined, false);
    recorded?.stream?.sendData(Buffer.from("answer"), false, Buffer.from([7]));
    expect(recorded?.closed).toEqual([]);
    recorded?.stream?.sendHeaders(trailers, ["grpc-message", "ok"], true);
    expect(recorded?.closed).toEqual([undefined]);
    const frames = peer.frames();
    expect(frames.map(({ type, flags }) => `${type} ${flags}`)).toEqual(["HEADERS 4", "DATA 0", "HEADERS 5"]);
    expect(frames[1]?.payload.toString("latin1")).toBe("\x07answer");
    recorded?.stream?.sendHeaders(trailers, undefined, true);
    recorded?.stream?.sendData(Buffer.from("x"), true);
    recorded?.stream?.reset(ErrorCode.CANCEL);
    expect(peer.frames(), "nothing follows the end").toEqual([]);
  });

  it("may be answered within onStream", () => {
    const peer = new ScriptedPeer("server").handshake();
    peer.onStream = ({ stream }) => stream?.sendHeaders({ fields: [":status", "404"] }, undefined, true);
    peer.raw(headersFrame(1, REQUEST, true));
    expect(peer.streams[0]?.closed).toEqual([undefined]);
    expect(peer.connection.openStreams).toBe(0);
  });

  it("tells late frames of a stream that it reset from errors, however many it reset since", () => {
    const peer = new ScriptedPeer("server").handshake();
    peer.onStream = ({ stream }) => stream?.reset(ErrorCode.CANCEL);
    for (let id = 1; id < 5000; id += 2) {
      peer.raw(headersFrame(id, REQUEST));
      peer.frames();
    }
    peer.raw(dataFrame(1, Buffer.from("late"), true));
    expect(peer.closed).toEqual([]);
  });
});

describe("a client's stream", () => {
  it("delivers headers, body and trailers, without informational responses", () => {
    const peer = new ScriptedPeer("client").handshake();
    const stream = peer.open(REQUEST, true);
    peer.raw(
      headersFrame(1, [":status", "103", "link", "x"]),
      headersFrame(1, RESPONSE),
      dataFrame(1, Buffer.from("body")),
    );
    peer.raw(headersFrame(1, ["grpc-status", "0"], true));
    expect(stream.headers).toEqual([
      { fields: RESPONSE, endStream: false },
      { fields: ["grpc-status", "0"], endStream: true },
    ]);
    expect(Buffer.concat(stream.body).toString()).toBe("body");
    expect(stream.closed).toEqual([undefined]);
  });

  test.for<[reason: string, frames: Buffer[]]>([
    ["DATA before the headers", [dataFrame(1, Buffer.from("x"))]],
    [":status missing", [headersFrame(1, ["a", "b"])]],
    ["a request's pseudo header", [headersFrame(1, [...RESPONSE.slice(0, 2), ":path", "/"])]],
    ["an informational response that ends the stream", [headersFrame(1, [":status", "100"], true)]],
  ])("is reset for %s (8.1)", ([, frames]) => {
    const peer = new ScriptedPeer("client").handshake();
    const stream = peer.open(REQUEST, true);
    peer.frames();
    peer.raw(...frames);
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", code: "PROTOCOL_ERROR" }]);
    expect(stream.closed).toMatchObject([{ code: ErrorCode.PROTOCOL_ERROR, origin: "library", unprocessed: false }]);
  });

  test.for<[code: keyof typeof ErrorCode, unprocessed: boolean]>([
    ["REFUSED_STREAM", true],
    ["CANCEL", false],
    ["INTERNAL_ERROR", false],
  ])("that the peer reset with %s has unprocessed %s", ([code, unprocessed]) => {
    const peer = new ScriptedPeer("client").handshake();
    const stream = peer.open();
    peer.raw(frame("RST_STREAM", 0, 1, uint32(ErrorCode[code])));
    expect(stream.closed).toMatchObject([{ code: ErrorCode[code], origin: "remote", unprocessed }]);
  });

  it("ends in order when the server answers in full and then wants no more of the request (8.1)", () => {
    const peer = new ScriptedPeer("client").handshake();
    const stream = peer.open();
    peer.raw(headersFrame(1, RESPONSE, true), frame("RST_STREAM", 0, 1, uint32(0)));
    expect(stream.closed).toEqual([undefined]);
  });

  it("waits for room under MAX_CONCURRENT_STREAMS and says when there is some", () => {
    const peer = new ScriptedPeer("client").handshake([[3, 1]]);
    const { capacity } = peer;
    peer.open(REQUEST, true);
    expect(peer.connection.canOpenStream).toBe(false);
    peer.raw(headersFrame(1, RESPONSE, true));
    expect(peer.capacity).toBe(capacity + 1);
    expect(peer.connection.canOpenStream).toBe(true);
  });

  it("that GOAWAY left out is unprocessed; the others go on, then the connection ends (6.8)", () => {
    const peer = new ScriptedPeer("client").handshake();
    const [first, second] = [peer.open(REQUEST, true), peer.open(REQUEST, true)];
    peer.raw(goAwayFrame(0x7fff_ffff, 0));
    expect(peer.connection.canOpenStream).toBe(false);
    expect(second?.closed).toEqual([]);
    peer.raw(goAwayFrame(1, 0));
    expect(second?.closed).toMatchObject([{ unprocessed: true, origin: "remote" }]);
    expect(peer.closed).toEqual([]);
    peer.raw(headersFrame(1, RESPONSE, true));
    expect(first?.closed).toEqual([undefined]);
    expect(peer.closed).toEqual([undefined]);
  });

  it("is unprocessed when the transport went before its headers were taken", () => {
    const peer = new ScriptedPeer("client").handshake();
    const sent = peer.open();
    peer.frames();
    const unsent = peer.open();
    peer.connection.transportClosed(new Error("reset"));
    expect(sent.closed).toMatchObject([{ unprocessed: false }]);
    expect(unsent.closed).toMatchObject([{ unprocessed: true }]);
    expect(peer.closed).toMatchObject([{ origin: "remote" }]);
  });
});

describe("a client's stream that was not handed over yet", () => {
  it("is not called unprocessed by close, whose last output takes its headers along", () => {
    const peer = new ScriptedPeer("client").handshake();
    const stream = peer.open();
    peer.connection.close(ErrorCode.NO_ERROR, "done");
    expect(stream.closed).toMatchObject([{ unprocessed: false }]);
    expect(peer.frames().map(({ type }) => type)).toEqual(["HEADERS", "GOAWAY"]);
  });
});

describe("drain", () => {
  it("of a server serves what was on its way, then ignores new streams (6.8)", () => {
    const peer = new ScriptedPeer("server").handshake().raw(headersFrame(1, REQUEST, true));
    peer.connection.drain();
    const [goAway, ping] = peer.frames();
    expect(goAway).toMatchObject({ type: "GOAWAY", code: "NO_ERROR" });
    expect(goAway?.payload.readUInt32BE(0)).toBe(0x7fff_ffff);
    peer.raw(headersFrame(3, REQUEST, true), frame("PING", FrameFlag.ACK, 0, ping?.payload));
    const [last] = peer.frames();
    expect(last?.payload.readUInt32BE(0)).toBe(3);
    peer.raw(headersFrame(5, REQUEST), dataFrame(5, Buffer.from("x"), true));
    expect(peer.streams, "the client was told that stream 5 is not processed").toHaveLength(2);
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 5, code: "REFUSED_STREAM" }]);
    for (const { stream } of peer.streams) stream?.sendHeaders(response, undefined, true);
    expect(peer.closed).toEqual([undefined]);
  });

  it("of a client opens no stream and ends with the last", () => {
    const peer = new ScriptedPeer("client").handshake();
    peer.open(REQUEST, true);
    peer.connection.drain();
    expect(peer.connection.canOpenStream).toBe(false);
    expect(peer.closed).toEqual([]);
    peer.raw(headersFrame(1, RESPONSE, true));
    expect(peer.closed).toEqual([undefined]);
  });

  it("of an idle client ends at once", () => {
    const peer = new ScriptedPeer("client").handshake();
    peer.connection.drain();
    expect(peer.closed).toEqual([undefined]);
    expect(peer.frames()).toMatchObject([{ type: "GOAWAY", code: "NO_ERROR" }]);
  });
});

describe("close", () => {
  it("says GOAWAY, closes the streams, then the connection", () => {
    const peer = new ScriptedPeer("server").handshake().raw(headersFrame(1, REQUEST));
    peer.connection.close(ErrorCode.ENHANCE_YOUR_CALM, "too many");
    expect(peer.frames()).toMatchObject([{ type: "GOAWAY", code: "ENHANCE_YOUR_CALM" }]);
    expect(peer.streams[0]?.closed).toMatchObject([{ origin: "user" }]);
    expect(peer.closed).toMatchObject([{ code: ErrorCode.ENHANCE_YOUR_CALM, origin: "user" }]);
    peer.raw(headersFrame(3, REQUEST, true));
    expect(peer.streams).toHaveLength(1);
  });
});

describe("unknown frames, PRIORITY and PING", () => {
  it("are ignored, checked and answered (5.5, 6.3, 6.7)", () => {
    const peer = new ScriptedPeer("server").handshake();
    peer.raw(Buffer.from([0, 0, 1, 99, 0xff, 0, 0, 0, 9, 1]), frame("PRIORITY", 0, 7, Buffer.alloc(5)));
    peer.raw(frame("PING", 0, 0, Buffer.from("12345678")), headersFrame(1, REQUEST, true));
    expect(peer.frames()).toMatchObject([{ type: "PING", flags: FrameFlag.ACK, payload: Buffer.from("12345678") }]);
    expect(peer.streams).toHaveLength(1);
    expect(END_STREAM).toBe(1);
  });

  it("a PING of ours is answered in order", () => {
    const peer = new ScriptedPeer("client").handshake();
    const acks: number[] = [];
    peer.connection.ping(() => acks.push(1));
    peer.connection.ping(() => acks.push(2));
    for (const { payload } of peer.frames()) peer.raw(frame("PING", FrameFlag.ACK, 0, payload));
    expect(acks).toEqual([1, 2]);
  });
});
