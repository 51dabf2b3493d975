import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { HuffmanReader, huffmanByteCount, writeHuffman } from "./huffman.js";

function encode(text: string): Buffer {
  const bytes = Buffer.alloc(text.length * 4 + 8);
  return bytes.subarray(0, writeHuffman(bytes, 0, text));
}

const decode = (hex: string): string | undefined => {
  const bytes = Buffer.from(hex, "hex");
  return new HuffmanReader().read(bytes, 0, bytes.length);
};

describe("the Huffman code (RFC 7541 appendix B)", () => {
  test.for<[text: string, hex: string]>([
    ["www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"],
    ["no-cache", "a8eb10649cbf"],
    ["custom-key", "25a849e95ba97d7f"],
    ["custom-value", "25a849e95bb8e8b4bf"],
    ["302", "6402"],
    ["private", "aec3771a4b"],
    ["Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"],
    ["https://www.example.com", "9d29ad171863c78f0b97c8e9ae82ae43d3"],
    [
      "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
      "94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ],
  ])("appendix C: %s", ([text, hex]) => {
    expect(encode(text).toString("hex")).toBe(hex);
    expect(huffmanByteCount(text)).toBe(hex.length / 2);
    expect(decode(hex)).toBe(text);
  });

  it("brings every string of octets back", () => {
    const octets = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)) });
    fc.assert(
      fc.property(octets, (text) => {
        const bytes = encode(text);
        expect(bytes.length).toBe(huffmanByteCount(text));
        expect(new HuffmanReader().read(bytes, 0, bytes.length)).toBe(text);
      }),
    );
    for (let code = 0; code < 256; code++) {
      const text = `a${String.fromCharCode(code)}b`;
      expect(decode(encode(text).toString("hex"))).toBe(text);
    }
  });

  test.for<[reason: string, hex: string]>([
    ["EOS in the text", "ffffffff"],
    ["padding of 8 bits", "1fff"],
    ["padding that is not all ones", "18"],
    ["a code that is cut off", "ffff"],
  ])("is refused for %s (section 5.2)", ([, hex]) => {
    expect(decode(hex)).toBeUndefined();
  });

  it("writes characters above 0xff as a question mark, never as their low byte", () => {
    expect(decode(encode("a\u010ab").toString("hex"))).toBe("a?b");
  });
});
