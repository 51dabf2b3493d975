import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findJsonError } from "./json-error.js";

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("findJsonError", () => {
  it("says what it found and what could have stood there", () => {
    expect(findJsonError('{"a": [1 2]}')).toEqual({ line: 1, column: 10, found: '"2"', expected: '"," or "]"' });
    expect(findJsonError('{"a"')).toEqual({ line: 1, column: 5, found: "the end of the text", expected: '":"' });
  });

  it("is not stopped by depth", () => {
    expect(findJsonError("[".repeat(100_000))).toMatchObject({ column: 100_001, expected: 'a value or "]"' });
  });

  it("stops at the end of a text only when JSON.parse wants more of it or nothing", () => {
    const brokenJson = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom("", "x", ",", '"', "}", "]", "\\", "\n", "0"))
      .map(([json, at, patch]) => {
        const offset = at % (json.length + 1);
        return json.slice(0, offset) + patch + json.slice(offset + 1);
      })
      .filter((text) => !isJson(text));
    fc.assert(
      fc.property(brokenJson, (text) => {
        const { line, column, expected } = findJsonError(text);
        const lines = text.split("\n");
        const offset = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
        // What precedes the error is the beginning of some JSON; the error itself is not "all is well".
        expect(offset < text.length || expected !== "the end of the text").toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
