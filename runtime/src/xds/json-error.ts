/** Where and why a text stops being JSON. Line and column count from 1. */
export interface JsonError {
  readonly line: number;
  readonly column: number;
  readonly found: string;
  readonly expected: string;
}

/**
 * Finds the first error of a text that `JSON.parse` refused. Its own message has a position in some Node versions and
 * for some errors only.
 */
export function findJsonError(text: string): JsonError {
  const { offset, expected } = scan(text);
  const lines = text.slice(0, offset).split("\n");
  const found = offset >= text.length ? "the end of the text" : JSON.stringify(text.charAt(offset));
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1, found, expected };
}

interface Break {
  readonly offset: number;
  readonly expected: string;
}

const STRING_END = "the rest of a string and its closing quote";

// An explicit stack of closing brackets: no text, however deep, overflows the call stack.
function scan(text: string): Break {
  const closers: ("}" | "]")[] = [];
  let offset = skipSpace(text, 0);
  let state: "value" | "first value" | "key" | "first key" | "next" = "value";
  for (;;) {
    const char = text.charAt(offset);
    const closer = closers.at(-1);
    const mayClose = state === "next" || state === "first value" || state === "first key";
    if (mayClose && closer !== undefined && char === closer) {
      closers.pop();
      state = "next";
      offset = skipSpace(text, offset + 1);
    } else if (state === "next") {
      if (closer === undefined) return { offset, expected: "the end of the text" };
      if (char !== ",") return { offset, expected: `"," or "${closer}"` };
      state = closer === "}" ? "key" : "value";
      offset = skipSpace(text, offset + 1);
    } else if (state === "key" || state === "first key") {
      if (char !== '"') return { offset, expected: state === "key" ? "a key in quotes" : 'a key in quotes or "}"' };
      const end = skip(STRING, text, offset);
      if (text.charAt(end) !== '"') return { offset: end, expected: STRING_END };
      offset = skipSpace(text, end + 1);
      if (text.charAt(offset) !== ":") return { offset, expected: '":"' };
      state = "value";
      offset = skipSpace(text, offset + 1);
    } else if (char === "{" || char === "[") {
      closers.push(char === "{" ? "}" : "]");
      state = char === "{" ? "first key" : "first value";
      offset = skipSpace(text, offset + 1);
    } else {
      const isString = char === '"';
      const end = skip(isString ? STRING : PLAIN, text, offset);
      if (isString && text.charAt(end) !== '"') return { offset: end, expected: STRING_END };
      if (end === offset) return { offset, expected: state === "value" ? "a value" : 'a value or "]"' };
      state = "next";
      offset = skipSpace(text, isString ? end + 1 : end);
    }
  }
}

const SPACE = /[ \t\r\n]*/y;
// Up to, not including, the closing quote or the first character that a string can't have.
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 §7 forbids them in a string
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;
const PLAIN = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

function skipSpace(text: string, offset: number): number {
  return skip(SPACE, text, offset);
}

function skip(pattern: RegExp, text: string, offset: number): number {
  pattern.lastIndex = offset;
  return pattern.test(text) ? pattern.lastIndex : offset;
}
