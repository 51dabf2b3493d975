import { describe, expect, it } from "vitest";
import type { Http2Options } from "./limits.js";
import { dataFrame, headersFrame, REQUEST, RESPONSE, ScriptedPeer } from "./test/scripted-peer.js";
import { ErrorCode } from "./types.js";

function serverOf(options: Http2Options = {}): ScriptedPeer {
  return new ScriptedPeer("server", options).handshake();
}

describe("A15: empty names, A29: malformed fields, A31: what a message declares of itself", () => {
  it.for([
    ["an empty name (A15)", ["", "a"]],
    ["an upper-case name", ["X-A", "b"]],
    ["CR in a value", ["a", "b\rc"]],
    ["LF in a value", ["a", "b\nc"]],
    ["NUL in a value", ["a", "b\0c"]],
    ["connection", ["connection", "close"]],
    ["transfer-encoding", ["transfer-encoding", "chunked"]],
    ["te other than trailers", ["te", "gzip"]],
    ["a pseudo header behind a regular one", [":path", "/b"]],
    ["an unknown pseudo header", [":evil", "1"]],
    ["content-length that is no number", ["content-length", "+1"]],
    ["two content-lengths", ["content-length", "1", "content-length", "2"]],
  ] as const)("reset the stream and are charged: %s", ([, fields]) => {
    const peer = serverOf({ resetBurst: 1 }).raw(headersFrame(1, [...REQUEST, ...fields]));
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 1, code: "PROTOCOL_ERROR" }]);
    expect(peer.streams).toEqual([]);
    peer.raw(headersFrame(3, [...REQUEST, ...fields]));
    expect([peer.limits, peer.closed.length]).toEqual([["rapid_reset"], 1]);
  });

  it.for([
    ["no path", REQUEST.filter((_, at) => at !== 4 && at !== 5)],
    ["an empty path", REQUEST.map((text) => (text === "/a.B/C" ? "" : text))],
    ["a pseudo header twice", [":path", "/b", ...REQUEST]],
    ["an authority twice", [":authority", "b", ...REQUEST]],
    ["a response's pseudo header", [":status", "200", ...REQUEST]],
  ] as const)("reset the stream of a request that has %s", ([, fields]) => {
    const peer = serverOf().raw(headersFrame(1, fields));
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 1, code: "PROTOCOL_ERROR" }]);
    expect([peer.streams, peer.closed]).toEqual([[], []]);
  });

  it.for([
    ["no status", [headersFrame(1, ["a", "b"])]],
    ["a status twice", [headersFrame(1, [":status", "200", ...RESPONSE])]],
    ["a request's pseudo header", [headersFrame(1, [":path", "/", ...RESPONSE])]],
    ["connection", [headersFrame(1, [...RESPONSE, "connection", "close"])]],
    ["trailers with a pseudo header", [headersFrame(1, RESPONSE), headersFrame(1, [":status", "200"], true)]],
    ["trailers that end nothing", [headersFrame(1, RESPONSE), headersFrame(1, ["grpc-status", "0"])]],
    ["DATA before its headers", [dataFrame(1, Buffer.alloc(100))]],
    [
      "more body than it said",
      [headersFrame(1, [...RESPONSE, "content-length", "9"]), dataFrame(1, Buffer.alloc(100))],
    ],
    ["less body than it said", [headersFrame(1, [...RESPONSE, "content-length", "9"], true)]],
  ] as const)("reset the stream of a response that has %s", ([, frames]) => {
    const peer = new ScriptedPeer("client").handshake();
    const call = peer.open();
    peer.frames();
    peer.raw(...frames);
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 1, code: "PROTOCOL_ERROR" }]);
    expect(call.closed).toMatchObject([{ code: ErrorCode.PROTOCOL_ERROR, origin: "library" }]);
    expect(peer.closed).toEqual([]);
  });

  it.for([
    ["with END_STREAM", [headersFrame(1, [...REQUEST, "content-length", "9"], true)]],
    ["in DATA", [headersFrame(1, [...REQUEST, "content-length", "9"]), dataFrame(1, Buffer.alloc(8), true)]],
    ["with trailers", [headersFrame(1, [...REQUEST, "content-length", "9"]), headersFrame(1, ["a", "b"], true)]],
  ] as const)("reset the stream of a request whose body is shorter than it said: %s", ([, frames]) => {
    const peer = serverOf().raw(...frames);
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 1, code: "PROTOCOL_ERROR" }]);
  });

  it("may be declared as trailers, which means nothing (A31)", () => {
    const call = serverOf().raw(headersFrame(1, [...REQUEST, "trailer", "a,".repeat(60)])).streams[0];
    expect([call?.headers.length, call?.closed]).toEqual([1, []]);
  });

  it("may have an empty value", () => {
    expect(serverOf().raw(headersFrame(1, [...REQUEST, "a", ""])).streams).toHaveLength(1);
  });
});
