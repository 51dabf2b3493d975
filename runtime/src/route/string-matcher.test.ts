import { describe, expect, it, test } from "vitest";
import type { StringMatcher } from "../config/string-matcher.js";
import { asciiLowerCase, compileRegex, compileStringMatcher } from "./string-matcher.js";

type Kind = StringMatcher["kind"];

function matches(kind: Kind, value: string, text: string, ignoreCase = false): boolean {
  const compiled = compileStringMatcher({ kind, value, ignoreCase });
  if (compiled.kind === "invalid") throw new Error(compiled.message);
  return compiled.test(text);
}

function reason(pattern: string): string {
  const compiled = compileRegex(pattern);
  return compiled.kind === "invalid" ? compiled.message : "ok";
}

describe("compileStringMatcher", () => {
  test.for<{ name: string; kind: Kind; value: string; text: string; ignoreCase?: boolean; expected: boolean }>([
    { name: "exact: the same text", kind: "exact", value: "a", text: "a", expected: true },
    { name: "exact: a longer text", kind: "exact", value: "a", text: "ab", expected: false },
    { name: "exact: another case", kind: "exact", value: "a", text: "A", expected: false },
    { name: "exact: case ignored", kind: "exact", value: "aBc", text: "AbC", ignoreCase: true, expected: true },
    { name: "exact: an empty text", kind: "exact", value: "", text: "", expected: true },
    { name: "prefix: the start", kind: "prefix", value: "ab", text: "abc", expected: true },
    { name: "prefix: not the start", kind: "prefix", value: "bc", text: "abc", expected: false },
    { name: "prefix: case ignored", kind: "prefix", value: "AB", text: "aBc", ignoreCase: true, expected: true },
    { name: "suffix: the end", kind: "suffix", value: "bc", text: "abc", expected: true },
    { name: "suffix: not the end", kind: "suffix", value: "ab", text: "abc", expected: false },
    { name: "contains: the middle", kind: "contains", value: "b", text: "abc", expected: true },
    { name: "contains: elsewhere", kind: "contains", value: "x", text: "abc", expected: false },
    { name: "contains: case ignored", kind: "contains", value: "B", text: "abc", ignoreCase: true, expected: true },
    { name: "regex: the whole text", kind: "regex", value: "a.c", text: "abc", expected: true },
    { name: "regex: a start alone", kind: "regex", value: "ab", text: "abc", expected: false },
    { name: "regex: an end alone", kind: "regex", value: "bc", text: "abc", expected: false },
    {
      name: "regex: an alternative and more",
      kind: "regex",
      value: "admin|root",
      text: "administrator",
      expected: false,
    },
    { name: "regex: more and an alternative", kind: "regex", value: "admin|root", text: "chroot", expected: false },
    { name: "regex: the last alternative", kind: "regex", value: "admin|root", text: "root", expected: true },
    { name: "regex: a longer alternative that comes later", kind: "regex", value: "a|ab", text: "ab", expected: true },
    {
      name: "regex: own anchors don't match line by line",
      kind: "regex",
      value: "(?m)^a$",
      text: "a\nb",
      expected: false,
    },
    { name: "regex: its own flag for case", kind: "regex", value: "(?i)a", text: "A", expected: true },
  ])("$name", ({ kind, value, text, ignoreCase, expected }) => {
    expect(matches(kind, value, text, ignoreCase)).toBe(expected);
  });

  it("gives the same answer again, however many texts came between", () => {
    const compiled = compileRegex("v[0-9]+");
    if (compiled.kind === "invalid") throw new Error(compiled.message);
    for (let round = 0; round < 2; round += 1) {
      for (let index = 0; index < 600; index += 1) {
        expect(compiled.test(`v${index}`)).toBe(true);
        expect(compiled.test(`w${index}`)).toBe(false);
      }
    }
    expect(compiled.test(`v${"1".repeat(5000)}`)).toBe(true);
  });
});

describe("compileRegex", () => {
  test.for<{ name: string; pattern: string; expected: RegExp }>([
    { name: "syntax that is none", pattern: "a(", expected: /^regex "a\(": .*missing closing \)/ },
    { name: "look-ahead, which RE2 lacks", pattern: "(?=a)", expected: /Perl syntax/ },
    { name: "a back-reference, which RE2 lacks", pattern: "(a)\\1", expected: /invalid escape/ },
    { name: "a pattern over 4096 characters", pattern: "a".repeat(4097), expected: /its length 4097 is over 4096$/ },
    {
      name: "a program over 1000 instructions",
      pattern: "(?:[a-z]{1,30}){1,30}",
      expected: /its program size \d+ is over 1000$/,
    },
  ])("refuses $name", ({ pattern, expected }) => {
    expect(reason(pattern)).toMatch(expected);
    expect(reason(pattern).length).toBeLessThan(300);
  });
});

describe("asciiLowerCase", () => {
  it("leaves everything but A to Z alone", () => {
    // U+212A, the Kelvin sign, is "k" for toLowerCase().
    expect(asciiLowerCase("AZaz09-\u212AÄ")).toBe("azaz09-\u212AÄ");
  });
});
