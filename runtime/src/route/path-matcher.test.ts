import { describe, expect, test } from "vitest";
import type { PathMatcher } from "../config/route.js";
import { compilePathMatcher } from "./path-matcher.js";

describe("compilePathMatcher", () => {
  test.for<{
    name: string;
    kind: PathMatcher["kind"];
    value: string;
    path: string;
    ignoreCase?: boolean;
    expected: boolean;
  }>([
    { name: "exact: the path", kind: "exact", value: "/a.B/C", path: "/a.B/C", expected: true },
    { name: "exact: another case", kind: "exact", value: "/a.B/C", path: "/a.b/c", expected: false },
    { name: "exact: case ignored", kind: "exact", value: "/a.B/C", path: "/a.b/c", ignoreCase: true, expected: true },
    { name: "prefix: a service", kind: "prefix", value: "/a.B/", path: "/a.B/C", expected: true },
    { name: "prefix: the empty one takes all", kind: "prefix", value: "", path: "/a.B/C", expected: true },
    { name: "prefix: case ignored", kind: "prefix", value: "/A.b/", path: "/a.B/C", ignoreCase: true, expected: true },
    {
      name: "separated prefix: ends at a slash",
      kind: "path_separated_prefix",
      value: "/a.B",
      path: "/a.B/C",
      expected: true,
    },
    {
      name: "separated prefix: ends at the end",
      kind: "path_separated_prefix",
      value: "/a.B",
      path: "/a.B",
      expected: true,
    },
    {
      name: "separated prefix: not within a name",
      kind: "path_separated_prefix",
      value: "/a.B",
      path: "/a.Bc/C",
      expected: false,
    },
    {
      name: "separated prefix: case ignored",
      kind: "path_separated_prefix",
      value: "/A.b",
      path: "/a.B/C",
      ignoreCase: true,
      expected: true,
    },
    { name: "regex: the whole path", kind: "regex", value: "/a\\.(B|D)/.*", path: "/a.D/C", expected: true },
    { name: "regex: a part of the path", kind: "regex", value: "/a\\.B", path: "/a.B/C", expected: false },
    { name: "regex: an alternative alone", kind: "regex", value: "/a|/b", path: "/a.B/C", expected: false },
  ])("$name", ({ kind, value, path, ignoreCase = false, expected }) => {
    const compiled = compilePathMatcher({ kind, value, ignoreCase });
    expect(compiled.kind === "ok" && compiled.test(path)).toBe(expected);
  });
});
