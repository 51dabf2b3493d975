import { describe, expect, it } from "vitest";
import { FrameFlag } from "./frame.js";
import type { Http2Options } from "./limits.js";
import { frame, headersFrame, literals, REQUEST, RESPONSE, ScriptedPeer, settingsFrame } from "./test/scripted-peer.js";
import { ErrorCode } from "./types.js";

const CALM = [{ code: ErrorCode.ENHANCE_YOUR_CALM, origin: "library" }];
const SIZE_UPDATE_0 = 0x20;
/** 127 as an integer with a prefix of 7 bits, and 3 octets that add nothing; the last is to follow. */
const LENGTH_127 = "7f808080";

function serverOf(options: Http2Options = {}): ScriptedPeer {
  return new ScriptedPeer("server", options).handshake();
}

/** A request whose block begins with REQUEST. */
function request(id: number, more: Buffer): Buffer {
  return block(id, Buffer.concat([literals(REQUEST), more]));
}

function block(id: number, bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += 16_384) {
    const isLast = at + 16_384 >= bytes.length;
    const flags = (isLast ? FrameFlag.END_HEADERS : 0) | (at === 0 ? FrameFlag.END_STREAM : 0);
    parts.push(frame(at === 0 ? "HEADERS" : "CONTINUATION", flags, id, bytes.subarray(at, at + 16_384)));
  }
  return Buffer.concat(parts);
}

/** A literal with indexing, whose value is long. */
function indexedLiteral(valueBytes: number): Buffer {
  const rest = valueBytes - 127;
  const length = Buffer.of(0x7f, (rest & 0x7f) | 0x80, rest >>> 7);
  return Buffer.concat([Buffer.of(0x40, 1, 0x78), length, Buffer.alloc(valueBytes, "v")]);
}

describe("A3: CONTINUATION", () => {
  it("may come 8 times for a block, and not 9 times", () => {
    for (const [count, isFine] of [
      [8, true],
      [9, false],
    ] as const) {
      const bytes = literals(REQUEST);
      const parts = [frame("HEADERS", FrameFlag.END_STREAM, 1, bytes.subarray(0, bytes.length - count))];
      for (let index: number = count; index > 0; index--) {
        const at = bytes.length - index;
        parts.push(frame("CONTINUATION", index === 1 ? FrameFlag.END_HEADERS : 0, 1, bytes.subarray(at, at + 1)));
      }
      const peer = serverOf().raw(...parts);
      expect([peer.streams.length, peer.limits]).toEqual(isFine ? [1, []] : [0, ["continuation_frames"]]);
      if (!isFine) expect(peer.closed).toMatchObject(CALM);
    }
  });

  it("ends the connection when it is empty and ends nothing", () => {
    const peer = serverOf().raw(frame("HEADERS", 0, 1, literals(REQUEST)), frame("CONTINUATION", 0, 1));
    expect(peer.closed).toMatchObject([{ code: ErrorCode.PROTOCOL_ERROR }]);
  });

  it("ends the connection when the block grows beyond 32 KiB of compressed bytes", () => {
    const parts = [
      frame("HEADERS", 0, 1, Buffer.alloc(16_384, 0x82)),
      frame("CONTINUATION", 0, 1, Buffer.alloc(16_384, 0x82)),
    ];
    const peer = serverOf().raw(...parts);
    expect([peer.closed, peer.limits]).toEqual([[], []]);
    peer.raw(frame("CONTINUATION", 0, 1, Buffer.of(0x82)));
    expect(peer.closed).toMatchObject(CALM);
    expect(peer.limits).toEqual(["header_block_bytes"]);
  });

  it("is not needed to be too long: a HEADERS frame alone may be", () => {
    const bytes = literals(REQUEST);
    expect(serverOf({ maxHeaderBlockBytes: bytes.length }).raw(block(1, bytes)).streams).toHaveLength(1);
    const peer = serverOf({ maxHeaderBlockBytes: bytes.length - 1 }).raw(block(1, bytes));
    expect(peer.closed).toMatchObject(CALM);
    expect(peer.limits).toEqual(["header_block_bytes"]);
  });

  it("ends the connection when another frame comes in between", () => {
    const peer = serverOf().raw(frame("HEADERS", 0, 1, literals(REQUEST)), frame("PING", 0, 0, Buffer.alloc(8)));
    expect(peer.closed).toMatchObject([{ code: ErrorCode.PROTOCOL_ERROR }]);
  });
});

describe("A4: HPACK bomb", () => {
  const entry = indexedLiteral(4000);

  it("of more than 16 KiB of fields ends the stream, and the table stays in step", () => {
    const peer = serverOf().raw(request(1, Buffer.concat([entry, Buffer.alloc(4, 0xbe)])));
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 1, code: "ENHANCE_YOUR_CALM" }]);
    expect([peer.limits, peer.closed, peer.streams]).toEqual([["header_list_bytes"], [], []]);
    peer.raw(request(3, Buffer.of(0xbe)));
    expect(peer.streams[0]?.headers[0]?.fields.at(-1)).toBe("v".repeat(4000));
  });

  it("is counted with 32 bytes for each field (RFC 9113 section 6.5.2), to the byte", () => {
    let bytes = 4000 + 1 + 32;
    for (const text of REQUEST) bytes += text.length;
    bytes += (REQUEST.length / 2) * 32;
    for (const [more, expected] of [
      [0, []],
      [-1, ["header_list_bytes"]],
    ] as const) {
      const peer = serverOf({ maxHeaderListBytes: bytes + more }).raw(request(1, entry));
      expect([peer.limits, peer.streams.length, peer.closed]).toEqual([expected, 1 - expected.length, []]);
    }
    for (const [more, expected] of [
      [0, ["header_list_bytes"]],
      [-1, ["hard_header_list_bytes"]],
    ] as const) {
      const limits = { maxHeaderListBytes: 100, hardHeaderListBytes: bytes + more, maxHeaderBlockBytes: 16_384 };
      expect(serverOf(limits).raw(request(1, entry)).limits).toEqual(expected);
    }
  });

  it("of more than 64 KiB ends the connection before the rest is read", () => {
    const peer = serverOf().raw(request(1, Buffer.concat([entry, Buffer.alloc(16, 0xbe)])));
    expect(peer.closed).toMatchObject(CALM);
    expect(peer.limits).toEqual(["hard_header_list_bytes"]);
  });
});

describe("A5: HTTP/2 bomb of tiny references", () => {
  const crumbs = (count: number): Buffer =>
    Buffer.concat([Buffer.of(0x40, 6), Buffer.from("cookie"), Buffer.of(0), Buffer.alloc(count - 1, 0xbe)]);
  const most = 128 - REQUEST.length / 2;

  it("is a list of more than 128 fields, each cookie crumb counted: it ends the stream", () => {
    const peer = serverOf().raw(request(1, crumbs(most)));
    expect([peer.streams.length, peer.limits]).toEqual([1, []]);
    peer.raw(request(3, crumbs(most + 1)));
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 3, code: "ENHANCE_YOUR_CALM" }]);
    expect(peer.limits).toEqual(["header_fields"]);
  });

  it("ends the connection the 17th time", () => {
    const peer = serverOf();
    for (let count = 0; count < 16; count++) peer.raw(request(2 * count + 1, crumbs(most + 1)));
    expect(peer.closed).toEqual([]);
    peer.raw(request(33, crumbs(most + 1)));
    expect(peer.closed).toMatchObject(CALM);
    expect(peer.limits.at(-1)).toBe("oversized_blocks");
  });

  it("can't come from a server either: its trailers have the same limits (A31)", () => {
    const peer = new ScriptedPeer("client").handshake();
    const call = peer.open();
    const trailers = frame("HEADERS", FrameFlag.END_HEADERS | FrameFlag.END_STREAM, 1, crumbs(129));
    peer.raw(headersFrame(1, RESPONSE), trailers);
    expect(call.closed).toMatchObject([{ code: ErrorCode.ENHANCE_YOUR_CALM }]);
    expect(peer.limits).toEqual(["header_fields"]);
  });
});

describe("A6: the dynamic table", () => {
  it("of our encoder stays at 4,096 bytes, whatever the peer allows", () => {
    const peer = new ScriptedPeer("client").handshake();
    peer.raw(settingsFrame([[1, 0xffff_ffff]]));
    peer.frames();
    for (let index = 0; index < 100; index++) peer.open([...REQUEST, `x-${index}`, "v".repeat(100)], true);
    const blocks = peer.frames().filter(({ type }) => type === "HEADERS");
    // A block that enlarged the table would begin with a size update.
    expect(blocks.every(({ payload }) => ((payload[0] as number) & 0xe0) !== SIZE_UPDATE_0)).toBe(true);
    // An entry that no longer fits is sent as it is each time: the table does not take in 100 of 136 bytes.
    expect(blocks.reduce((sum, { payload }) => sum + (payload.includes(0x40) ? 1 : 0), 0)).toBeLessThan(100);
  });

  it.for([
    ["a third size update", Buffer.of(0x20, 0x3f, 0xe1, 0x1f, 0x20, 0x82)],
    ["a size update behind a field", Buffer.of(0x82, 0x20)],
    ["a size above what was announced", Buffer.of(0x3f, 0xe2, 0x1f)],
  ] as const)("ends the connection on %s", ([, bytes]) => {
    expect(serverOf().raw(block(1, bytes)).closed).toMatchObject([{ code: ErrorCode.COMPRESSION_ERROR }]);
  });
});

describe("A7: integers and strings of HPACK", () => {
  it.for([
    ["an integer of more than 5 octets", Buffer.of(0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00)],
    ["a string that is longer than its block", Buffer.of(0x00, 0x7f, 0xff, 0xff, 0x7f)],
    ["a value that reaches beyond its block", Buffer.of(0x00, 1, 0x61, 5, 0x62)],
    ["a length of 6 octets that 4 would do for", Buffer.from(`000161${LENGTH_127}8000${"76".repeat(127)}`, "hex")],
    ["Huffman code with the symbol EOS", Buffer.of(0x00, 0x84, 0xff, 0xff, 0xff, 0xff)],
    ["Huffman padding of more than 7 bits", Buffer.of(0x00, 0x82, 0x1f, 0xff, 0x00)],
    ["an index beyond the table", Buffer.of(0xff, 0x00)],
    ["index 0", Buffer.of(0x80)],
  ] as const)("end the connection: %s", ([, bytes]) => {
    // What comes behind the block is not part of it.
    expect(serverOf().raw(block(1, bytes), frame("PRIORITY", 0, 9, Buffer.alloc(5))).closed).toMatchObject([
      { code: ErrorCode.COMPRESSION_ERROR },
    ]);
  });

  it("may have 4 octets behind their prefix, needed or not", () => {
    const peer = serverOf().raw(request(1, Buffer.from(`000161${LENGTH_127}00${"76".repeat(127)}`, "hex")));
    expect(peer.streams[0]?.headers[0]?.fields.at(-1)).toBe("v".repeat(127));
  });
});

describe("A8: tables out of step", () => {
  it("do not come of streams that are refused or reset: their blocks are decoded to the end", () => {
    const peer = serverOf({ maxConcurrentStreams: 1 }).raw(headersFrame(1, REQUEST));
    const entry = Buffer.concat([Buffer.of(0x40, 3), Buffer.from("x-a"), Buffer.of(1), Buffer.from("b")]);
    peer.raw(request(3, entry));
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 3, code: "REFUSED_STREAM" }]);
    peer.streams[0]?.stream?.reset(ErrorCode.CANCEL);
    peer.raw(request(5, Buffer.of(0xbe)));
    expect(peer.streams[1]?.headers[0]?.fields.slice(-2)).toEqual(["x-a", "b"]);
  });

  it.for([
    ["malformed", [...REQUEST, "X-Bad", "c"]],
    ["without pseudo headers", ["c", "d"]],
  ] as const)("do not come of blocks that are %s, whose fields never reach another stream", ([, fields]) => {
    const entry = Buffer.concat([Buffer.of(0x40, 3), Buffer.from("x-a"), Buffer.of(1), Buffer.from("b")]);
    const peer = serverOf().raw(block(1, Buffer.concat([literals(fields), entry])));
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 1, code: "PROTOCOL_ERROR" }]);
    peer.raw(request(3, Buffer.of(0xbe)));
    expect(peer.streams.map(({ headers }) => headers[0]?.fields)).toEqual([[...REQUEST, "x-a", "b"]]);
  });

  it("do not come of trailers of a call that was cancelled", () => {
    const peer = new ScriptedPeer("client").handshake();
    peer.open().stream?.reset(ErrorCode.CANCEL);
    const call = peer.open();
    const entry = Buffer.concat([Buffer.of(0x40, 3), Buffer.from("x-a"), Buffer.of(1), Buffer.from("b")]);
    peer.raw(frame("HEADERS", FrameFlag.END_HEADERS | FrameFlag.END_STREAM, 1, entry));
    peer.raw(frame("HEADERS", FrameFlag.END_HEADERS, 3, Buffer.concat([literals(RESPONSE), Buffer.of(0xbe)])));
    expect(call.headers[0]?.fields).toEqual([...RESPONSE, "x-a", "b"]);
  });
});
