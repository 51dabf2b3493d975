import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { IntegerReader, MAX_INTEGER, writeInteger } from "./integer.js";

const read = (bytes: number[], prefixBits: number): number =>
  new IntegerReader().read(Uint8Array.from(bytes), 0, bytes.length, prefixBits);

describe("integers (RFC 7541 section 5.1)", () => {
  test.for<[value: number, prefixBits: number, bytes: number[]]>([
    [10, 5, [0b01010]],
    [1337, 5, [0b11111, 0b10011010, 0b00001010]],
    [42, 8, [0b00101010]],
  ])("appendix C.1: %i with a prefix of %i bits", ([value, prefixBits, bytes]) => {
    const written = new Uint8Array(8);
    expect([...written.subarray(0, writeInteger(written, 0, 0, prefixBits, value))]).toEqual(bytes);
    expect(read(bytes, prefixBits)).toBe(value);
  });

  it("come back as they went", () => {
    fc.assert(
      fc.property(fc.nat(MAX_INTEGER), fc.integer({ min: 1, max: 8 }), fc.nat(9), (value, prefixBits, at) => {
        const bytes = new Uint8Array(20);
        const end = writeInteger(bytes, at, 0, prefixBits, value);
        const reader = new IntegerReader();
        expect(reader.read(bytes, at, end, prefixBits)).toBe(value);
        expect(reader.next).toBe(end);
        for (let cut = at; cut < end; cut++) expect(reader.read(bytes, at, cut, prefixBits)).toBe(-1);
      }),
    );
  });

  test.for<[reason: string, bytes: number[]]>([
    ["longer than 5 octets", [0x7f, 0x80, 0x80, 0x80, 0x80, 0x00]],
    ["zeros without end", [0x7f, ...new Array<number>(50).fill(0x80)]],
    ["above the limit", [0x7f, 0xff, 0xff, 0xff, 0x7f, 0x7f]],
  ])("are refused when %s", ([, bytes]) => {
    expect(read(bytes, 7)).toBe(-1);
  });
});
