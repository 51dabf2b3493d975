import { describe, expect, it } from "vitest";
import { isSameValue } from "./same-value.js";

describe("isSameValue", () => {
  it.for<{ name: string; one: unknown; other: unknown; expected: boolean }>([
    { name: "equal nested objects", one: { a: [1, { b: "x" }] }, other: { a: [1, { b: "x" }] }, expected: true },
    { name: "members in another order", one: { a: 1, b: 2 }, other: { b: 2, a: 1 }, expected: true },
    { name: "another item", one: [1, 2], other: [1, 3], expected: false },
    { name: "one item more", one: [1], other: [1, 2], expected: false },
    { name: "an absent member against undefined", one: { a: undefined }, other: {}, expected: false },
    { name: "as many members of other names", one: { a: undefined }, other: { b: undefined }, expected: false },
    { name: "a list against an object", one: [], other: {}, expected: false },
    { name: "null against an object", one: null, other: {}, expected: false },
    { name: "a number against its text", one: 1, other: "1", expected: false },
  ])("tells $name", ({ one, other, expected }) => {
    expect(isSameValue(one, other)).toBe(expected);
  });
});
