import type { HeaderMatcher, HeaderTest } from "../config/route.js";
import type { HeaderView } from "./header-view.js";
import { compileStringMatcher, type TextTest } from "./string-matcher.js";

/** A header matcher, ready to run. */
export interface CompiledHeader {
  matches(headers: HeaderView): boolean;
}

export type HeaderCompilation =
  | { readonly kind: "ok"; readonly header: CompiledHeader }
  | { readonly kind: "invalid"; readonly message: string };

// A range bounds an int64 (Envoy `Int64Range`); a value beyond is no integer for it.
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const INTEGER = /^[+-]?0*\d{1,19}$/;
const SAFE_DIGITS = 15;

const NEVER: CompiledHeader = { matches: () => false };

/** Compiles a header matcher of a route (gRFC A28). */
export function compileHeaderMatcher(matcher: HeaderMatcher): HeaderCompilation {
  const { name, invert, test } = matcher;
  // gRFC A28: binary headers never match, inverted or not.
  if (isBinary(name)) return { kind: "ok", header: NEVER };
  const missing = matcher.treatMissingAsEmpty ? "" : undefined;
  if (test.kind === "present") {
    const wanted = test.present !== invert;
    return { kind: "ok", header: { matches: (headers) => ((headers.get(name) ?? missing) !== undefined) === wanted } };
  }
  const compiled = compileTest(test);
  if (compiled.kind === "invalid") return { kind: "invalid", message: `header "${name}": ${compiled.message}` };
  const wanted = !invert;
  const matches = (headers: HeaderView): boolean => {
    const value = headers.get(name) ?? missing;
    // An absent header matches neither a test nor its inversion, in Envoy as in gRPC.
    return value !== undefined && compiled.test(value) === wanted;
  };
  return { kind: "ok", header: { matches } };
}

/**
 * The value that a header must have exactly for this matcher to hold; undefined when no single value decides. A table
 * of routes that differ in one such header is indexed by it.
 */
export function requiredValue(matcher: HeaderMatcher): string | undefined {
  const { name, invert, treatMissingAsEmpty, test } = matcher;
  if (isBinary(name) || invert || treatMissingAsEmpty || test.kind !== "string") return undefined;
  return test.matcher.kind === "exact" && !test.matcher.ignoreCase ? test.matcher.value : undefined;
}

function isBinary(name: string): boolean {
  return name.endsWith("-bin");
}

function compileTest(
  test: Exclude<HeaderTest, { kind: "present" }>,
): { readonly kind: "ok"; readonly test: TextTest } | { readonly kind: "invalid"; readonly message: string } {
  switch (test.kind) {
    case "string":
      return compileStringMatcher(test.matcher);
    case "range": {
      const { start, end } = test;
      return { kind: "ok", test: (value) => isInRange(value, start, end) };
    }
    default:
      return test satisfies never;
  }
}

function isInRange(value: string, start: number, end: number): boolean {
  if (!INTEGER.test(value)) return false;
  if (value.length <= SAFE_DIGITS) {
    const integer = Number(value);
    return integer >= start && integer < end;
  }
  const integer = BigInt(value);
  return integer >= INT64_MIN && integer <= INT64_MAX && integer >= start && integer < end;
}
