import { RE2JS } from "re2js";
import type { StringMatcher } from "../config/string-matcher.js";

/** Whether a text matches. */
export type TextTest = (text: string) => boolean;

export type CompiledString =
  | { readonly kind: "ok"; readonly test: TextTest }
  /** The pattern can't be used; `message` says why. */
  | { readonly kind: "invalid"; readonly message: string };

// A pattern beyond these is refused: compiling it, or running it on one header, could hold up the event loop.
// Envoy's own default stops at a program of 100 instructions.
const MAX_PATTERN_LENGTH = 4096;
const MAX_PROGRAM_SIZE = 1000;

// RE2 in JavaScript takes microseconds; the values of one header are few and come back.
const CACHED_RESULTS = 256;
const CACHED_TEXT_LENGTH = 512;

/**
 * Compiles a matcher. This file is the only place where a regex of the configuration is compiled: with RE2 semantics,
 * so that no pattern takes more than linear time, and against the whole text, so that `a|b` does not match `ax`.
 */
export function compileStringMatcher(matcher: StringMatcher): CompiledString {
  if (matcher.kind === "regex") return compileRegex(matcher.value);
  const { ignoreCase } = matcher;
  const value = ignoreCase ? asciiLowerCase(matcher.value) : matcher.value;
  const test = compileLiteral(matcher.kind, value);
  return { kind: "ok", test: ignoreCase ? (text) => test(asciiLowerCase(text)) : test };
}

/** Compiles RE2 syntax into a test of the whole text. Patterns over 4096 characters or 1000 instructions are refused. */
export function compileRegex(pattern: string): CompiledString {
  if (pattern.length > MAX_PATTERN_LENGTH) {
    return invalid(pattern, `its length ${pattern.length} is over ${MAX_PATTERN_LENGTH}`);
  }
  let regex: RE2JS;
  try {
    regex = RE2JS.compile(pattern);
  } catch (error) {
    return invalid(pattern, error instanceof Error ? error.message : String(error));
  }
  const size = regex.programSize();
  if (size > MAX_PROGRAM_SIZE) return invalid(pattern, `its program size ${size} is over ${MAX_PROGRAM_SIZE}`);
  return { kind: "ok", test: cached((text) => regex.testExact(text)) };
}

/** Lower case for A to Z alone, as Envoy and gRPC compare; `toLowerCase` would let U+212A pass for "k". */
export function asciiLowerCase(text: string): string {
  return text.replace(UPPER_CASE, lowerCase);
}

const UPPER_CASE = /[A-Z]+/g;

function lowerCase(letters: string): string {
  return letters.toLowerCase();
}

function compileLiteral(kind: Exclude<StringMatcher["kind"], "regex">, value: string): TextTest {
  switch (kind) {
    case "exact":
      return (text) => text === value;
    case "prefix":
      return (text) => text.startsWith(value);
    case "suffix":
      return (text) => text.endsWith(value);
    case "contains":
      return (text) => text.includes(value);
    default:
      return kind satisfies never;
  }
}

function cached(test: TextTest): TextTest {
  const results = new Map<string, boolean>();
  return (text) => {
    const known = results.get(text);
    if (known !== undefined) return known;
    const result = test(text);
    // A caller chooses header values: neither their number nor their size may grow the cache without bound.
    if (text.length <= CACHED_TEXT_LENGTH) {
      if (results.size >= CACHED_RESULTS) results.clear();
      results.set(text, result);
    }
    return result;
  };
}

function invalid(pattern: string, reason: string): CompiledString {
  const shown = pattern.length > 100 ? `${pattern.slice(0, 100)}…` : pattern;
  return { kind: "invalid", message: `regex ${JSON.stringify(shown)}: ${reason}` };
}
