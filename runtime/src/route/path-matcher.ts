import type { PathMatcher } from "../config/route.js";
import { asciiLowerCase, type CompiledString, compileRegex, compileStringMatcher } from "./string-matcher.js";

/** Compiles the path part of a route match. */
export function compilePathMatcher(matcher: PathMatcher): CompiledString {
  const { kind, value, ignoreCase } = matcher;
  switch (kind) {
    case "exact":
    case "prefix":
      return compileStringMatcher({ kind, value, ignoreCase });
    case "path_separated_prefix":
      return { kind: "ok", test: separatedPrefix(value, ignoreCase) };
    case "regex":
      return compileRegex(value);
    default:
      return kind satisfies never;
  }
}

function separatedPrefix(value: string, ignoreCase: boolean): (path: string) => boolean {
  const prefix = ignoreCase ? asciiLowerCase(value) : value;
  return (path) => {
    const text = ignoreCase ? asciiLowerCase(path) : path;
    return text.startsWith(prefix) && (text.length === prefix.length || text[prefix.length] === "/");
  };
}
