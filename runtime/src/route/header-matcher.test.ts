import { describe, expect, it, test } from "vitest";
import type { HeaderMatcher, HeaderTest } from "../config/route.js";
import { compileHeaderMatcher, requiredValue } from "./header-matcher.js";
import { HeaderView } from "./header-view.js";

const EXACT_A: HeaderTest = { kind: "string", matcher: { kind: "exact", value: "a", ignoreCase: false } };
const EXACT_EMPTY: HeaderTest = { kind: "string", matcher: { kind: "exact", value: "", ignoreCase: false } };
const PRESENT: HeaderTest = { kind: "present", present: true };
const ABSENT: HeaderTest = { kind: "present", present: false };
const range = (start: number, end: number): HeaderTest => ({ kind: "range", start, end });

interface Row {
  readonly name: string;
  readonly test: HeaderTest;
  readonly value?: string;
  readonly header?: string;
  readonly invert?: boolean;
  readonly treatMissingAsEmpty?: boolean;
  readonly expected: boolean;
}

function matcherOf({
  test,
  header = "x",
  invert = false,
  treatMissingAsEmpty = false,
}: Omit<Row, "name" | "expected">) {
  return { name: header, test, invert, treatMissingAsEmpty } satisfies HeaderMatcher;
}

function matches(row: Row): boolean {
  const compiled = compileHeaderMatcher(matcherOf(row));
  if (compiled.kind === "invalid") throw new Error(compiled.message);
  const view = new HeaderView();
  view.reset({ path: "/p.S/M", header: (name) => (name === (row.header ?? "x") ? row.value : undefined) });
  return compiled.header.matches(view);
}

describe("compileHeaderMatcher", () => {
  test.for<Row>([
    { name: "exact: the value", test: EXACT_A, value: "a", expected: true },
    { name: "exact: another value", test: EXACT_A, value: "b", expected: false },
    { name: "exact: one of several values does not count", test: EXACT_A, value: "a,b", expected: false },
    { name: "exact: inverted", test: EXACT_A, value: "b", invert: true, expected: true },
    { name: "exact: the value, inverted", test: EXACT_A, value: "a", invert: true, expected: false },
    { name: "exact: an absent header", test: EXACT_A, expected: false },
    {
      name: "exact: an absent header does not match the inversion either",
      test: EXACT_A,
      invert: true,
      expected: false,
    },
    { name: "exact: absent as empty", test: EXACT_EMPTY, treatMissingAsEmpty: true, expected: true },
    {
      name: "exact: absent as empty, inverted",
      test: EXACT_A,
      invert: true,
      treatMissingAsEmpty: true,
      expected: true,
    },
    { name: "present: there", test: PRESENT, value: "a", expected: true },
    { name: "present: there and empty", test: PRESENT, value: "", expected: true },
    { name: "present: not there", test: PRESENT, expected: false },
    { name: "present: not there, inverted", test: PRESENT, invert: true, expected: true },
    { name: "present false: there", test: ABSENT, value: "a", expected: false },
    { name: "present false: not there", test: ABSENT, expected: true },
    { name: "present false: there, inverted", test: ABSENT, value: "a", invert: true, expected: true },
    { name: "present false: not there, inverted", test: ABSENT, invert: true, expected: false },
    { name: "range: its start", test: range(1, 10), value: "1", expected: true },
    { name: "range: its end is outside", test: range(1, 10), value: "10", expected: false },
    { name: "range: below", test: range(1, 10), value: "0", expected: false },
    { name: "range: a sign", test: range(-5, 0), value: "-5", expected: true },
    { name: "range: a plus sign", test: range(1, 10), value: "+5", expected: true },
    { name: "range: leading zeros", test: range(1, 10), value: "0000000000000000000000005", expected: true },
    { name: "range: not a whole number", test: range(1, 10), value: "5.0", expected: false },
    { name: "range: an exponent", test: range(1, 1000), value: "1e2", expected: false },
    { name: "range: hexadecimal", test: range(1, 1000), value: "0x10", expected: false },
    { name: "range: a number with a tail", test: range(1, 10), value: "5a", expected: false },
    { name: "range: an empty value", test: range(-1, 10), value: "", expected: false },
    { name: "range: not a number, inverted", test: range(1, 10), value: "a", invert: true, expected: true },
    {
      name: "range: an integer that a double can't hold",
      test: range(0, 2 ** 53),
      value: "9007199254740993",
      expected: false,
    },
    { name: "range: the largest int64", test: range(0, 2 ** 63), value: "9223372036854775807", expected: true },
    { name: "range: beyond int64", test: range(0, 2 ** 64), value: "9223372036854775808", expected: false },
    { name: "-bin: never matches", header: "x-bin", test: EXACT_A, value: "a", expected: false },
    { name: "-bin: never matches inverted", header: "x-bin", test: EXACT_A, value: "b", invert: true, expected: false },
    { name: "-bin: never matches as absent", header: "x-bin", test: ABSENT, expected: false },
  ])("$name", (row) => {
    expect(matches(row)).toBe(row.expected);
  });

  it("names the header of a regex that can't be used", () => {
    const test: HeaderTest = { kind: "string", matcher: { kind: "regex", value: "(", ignoreCase: false } };
    const compiled = compileHeaderMatcher(matcherOf({ test }));
    expect(compiled).toMatchObject({ kind: "invalid", message: expect.stringMatching(/^header "x": regex "\(": /) });
  });
});

describe("requiredValue", () => {
  test.for<{ name: string; matcher: HeaderMatcher; expected: string | undefined }>([
    { name: "an exact value", matcher: matcherOf({ test: EXACT_A }), expected: "a" },
    { name: "an inversion has none", matcher: matcherOf({ test: EXACT_A, invert: true }), expected: undefined },
    {
      name: "absent as empty has none",
      matcher: matcherOf({ test: EXACT_EMPTY, treatMissingAsEmpty: true }),
      expected: undefined,
    },
    { name: "presence has none", matcher: matcherOf({ test: PRESENT }), expected: undefined },
    {
      name: "a value without case has none",
      matcher: matcherOf({ test: { kind: "string", matcher: { kind: "exact", value: "a", ignoreCase: true } } }),
      expected: undefined,
    },
    { name: "a binary header has none", matcher: matcherOf({ test: EXACT_A, header: "x-bin" }), expected: undefined },
  ])("$name", ({ matcher, expected }) => {
    expect(requiredValue(matcher)).toBe(expected);
  });
});

describe("HeaderView", () => {
  it("answers content-type, :method and :path as every RPC has them", () => {
    const view = new HeaderView();
    view.reset({ path: "/p.S/M", header: () => "from the call" });
    expect(view.get("content-type")).toBe("application/grpc");
    expect(view.get(":method")).toBe("POST");
    expect(view.get(":path")).toBe("/p.S/M");
    expect(view.get("user-agent")).toBe("from the call");
  });

  it("reads a header once in a row and forgets it with the call", () => {
    const view = new HeaderView();
    let reads = 0;
    const header = (): string => `read ${++reads}`;
    view.reset({ path: "/", header });
    expect([view.get("x"), view.get("x")]).toEqual(["read 1", "read 1"]);
    view.reset({ path: "/", header });
    expect(view.get("x")).toBe("read 2");
    view.reset();
    expect(view.get("x")).toBeUndefined();
  });
});
