import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { HeaderDecoder } from "./decoder.js";

const LIMITS = { maxHeaderListBytes: 16_384, hardHeaderListBytes: 65_536, maxFieldCount: 128 };

function decoder(tableBytes = 4096, limits = LIMITS): (hex: string) => string | string[] {
  const made = new HeaderDecoder(tableBytes, limits);
  return (hex) => {
    const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
    const outcome = made.decode(bytes, 0, bytes.length);
    return outcome === "ok" ? made.fields : outcome;
  };
}

const DATE_1 = ["date", "Mon, 21 Oct 2013 20:13:21 GMT"];
const LOCATION = ["location", "https://www.example.com"];
const PRIVATE = ["cache-control", "private"];
const GET = [":method", "GET"];
const AUTHORITY = [":authority", "www.example.com"];
const HTTP = [":scheme", "http"];
const ROOT = [":path", "/"];

describe("HeaderDecoder", () => {
  test.for<[section: string, tableBytes: number, blocks: [hex: string, fields: string[]][]]>([
    [
      "C.2.1 literal with indexing",
      4096,
      [["400a637573746f6d2d6b65790d637573746f6d2d686561646572", ["custom-key", "custom-header"]]],
    ],
    ["C.2.2 literal without indexing", 4096, [["040c2f73616d706c652f70617468", [":path", "/sample/path"]]]],
    ["C.2.3 literal never indexed", 4096, [["100870617373776f726406736563726574", ["password", "secret"]]]],
    ["C.2.4 indexed", 4096, [["82", GET]]],
    [
      "C.3 requests without Huffman",
      4096,
      [
        ["828684410f7777772e6578616d706c652e636f6d", [...GET, ...HTTP, ...ROOT, ...AUTHORITY]],
        ["828684be58086e6f2d6361636865", [...GET, ...HTTP, ...ROOT, ...AUTHORITY, "cache-control", "no-cache"]],
        [
          "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
          [...GET, ":scheme", "https", ":path", "/index.html", ...AUTHORITY, "custom-key", "custom-value"],
        ],
      ],
    ],
    [
      "C.4 requests with Huffman",
      4096,
      [
        ["828684418cf1e3c2e5f23a6ba0ab90f4ff", [...GET, ...HTTP, ...ROOT, ...AUTHORITY]],
        ["828684be5886a8eb10649cbf", [...GET, ...HTTP, ...ROOT, ...AUTHORITY, "cache-control", "no-cache"]],
        [
          "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
          [...GET, ":scheme", "https", ":path", "/index.html", ...AUTHORITY, "custom-key", "custom-value"],
        ],
      ],
    ],
    [
      "C.5 responses without Huffman, with eviction",
      256,
      [
        [
          "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
          [":status", "302", ...PRIVATE, ...DATE_1, ...LOCATION],
        ],
        ["4803333037c1c0bf", [":status", "307", ...PRIVATE, ...DATE_1, ...LOCATION]],
      ],
    ],
    [
      "C.6 responses with Huffman, with eviction",
      256,
      [
        [
          "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
          [":status", "302", ...PRIVATE, ...DATE_1, ...LOCATION],
        ],
        ["4883640effc1c0bf", [":status", "307", ...PRIVATE, ...DATE_1, ...LOCATION]],
      ],
    ],
  ])("RFC 7541 appendix %s", ([, tableBytes, blocks]) => {
    const decode = decoder(tableBytes);
    for (const [hex, fields] of blocks) expect(decode(hex)).toEqual(fields);
  });

  test.for<[reason: string, hex: string]>([
    ["index 0", "80"],
    ["an index beyond both tables", "be"],
    ["a name index beyond both tables", "7f00 01 61"],
    ["a string longer than the block", "00 05 61"],
    ["a value that is missing", "00 01 61"],
    ["a table size above ours", "3fe21f"],
    ["a table size after a field", "82 20"],
    ["an integer without end", "ff 80 80 80 80 80 80"],
    ["EOS in a Huffman string", "00 84 ffffffff 00"],
  ])("fails on %s", ([, hex]) => {
    expect(decoder()(hex)).toBe("error");
  });

  it("obeys a table size of the peer, and forgets what no longer fits", () => {
    const decode = decoder();
    expect(decode("40 01 61 01 62")).toEqual(["a", "b"]);
    expect(decode("be")).toEqual(["a", "b"]);
    expect(decode("20 3fe11f 82")).toEqual(GET);
    expect(decode("be")).toBe("error");
  });

  it("counts 32 bytes per field and stays in step when the list is too large", () => {
    const decode = decoder(4096, { maxHeaderListBytes: 100, hardHeaderListBytes: 400, maxFieldCount: 128 });
    expect(decode("82 82 82")).toBe("too_large");
    expect(decode("82 82 40 01 61 01 62"), "the field is too much but enters the table").toBe("too_large");
    expect(decode("be")).toEqual(["a", "b"]);
    expect(decode("82".repeat(20)), "far too large").toBe("excessive");
  });

  it("does not deliver more fields than the limit", () => {
    const decode = decoder(4096, { ...LIMITS, maxFieldCount: 3 });
    expect(decode("828282")).toHaveLength(6);
    expect(decode("82828282")).toBe("too_many");
  });

  it("remembers that an indexed field is illegal", () => {
    const decode = decoder();
    expect(decode("40 01 41 01 62")).toBe("malformed");
    expect(decode("be")).toBe("malformed");
    expect(decode("82")).toEqual(GET);
    // The field was illegal for its value; its name is fine with another one.
    expect(decode("40 01 61 01 0a")).toBe("malformed");
    expect(decode("7e 01 62")).toEqual(["a", "b"]);
  });

  it("survives any bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 }), (blocks) => {
        const made = new HeaderDecoder(4096, LIMITS);
        for (const block of blocks) {
          if (made.decode(Buffer.from(block), 0, block.length) === "error") return;
        }
      }),
      { numRuns: 2000 },
    );
  });
});
