import { describe, expect, it } from "vitest";
import { intersect } from "./coverage.js";
import { findingKey, minimiseInput } from "./finding.js";

describe("minimiseInput", () => {
  it("keeps what a failure needs and zeroes the rest", () => {
    const input = Uint8Array.from({ length: 100 }, (_, index) => index + 1);
    const fails = (bytes: Uint8Array): boolean => bytes.length >= 3 && bytes.includes(42) && bytes.includes(77);
    expect([...minimiseInput(input, fails)].sort((a, b) => a - b)).toEqual([0, 42, 77]);
  });

  it("leaves an input alone that fails only as it is", () => {
    const input = Uint8Array.of(1, 2, 3);
    expect(minimiseInput(input, (bytes) => bytes.join() === "1,2,3")).toEqual(input);
  });
});

describe("findingKey", () => {
  it("tells errors apart by what they say, but not by their numbers", () => {
    expect(findingKey(new Error("5 of 7"))).toBe(findingKey(new Error("12 of 9")));
    expect(findingKey(new Error("a"))).not.toBe(findingKey(new TypeError("a")));
  });
});

describe("intersect", () => {
  it("keeps what is in both lists of ranges", () => {
    expect(intersect([0, 10, 20, 30], [5, 25])).toEqual([5, 10, 20, 25]);
    expect(intersect([0, 10], [10, 20])).toEqual([]);
    expect(intersect([], [1, 2])).toEqual([]);
  });
});
