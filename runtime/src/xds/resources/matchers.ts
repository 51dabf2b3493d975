import type { HeaderMatcher as ProtoHeaderMatcher } from "@meshwright/proto/envoy/config/route/v3/route_components_pb";
import type { StringMatcher as ProtoStringMatcher } from "@meshwright/proto/envoy/type/matcher/v3/string_pb";
import { RE2JS } from "re2js";
import type { HeaderMatcher, HeaderTest } from "../../config/route.js";
import type { StringMatcher } from "../../config/string-matcher.js";
import { refuse } from "./decoded.js";

const LONGEST_REGEX = 4096;
const LARGEST_PROGRAM = 1000;

/** Checks a regex of the configuration: RE2 syntax and a bounded size, whatever an operator or a tenant wrote. */
export function checkRegex(regex: string, field: string): string {
  if (regex.length > LONGEST_REGEX)
    refuse(`${field}: regex of ${regex.length} characters is longer than ${LONGEST_REGEX}`);
  let size: number;
  try {
    size = RE2JS.compile(regex).programSize();
  } catch (error) {
    return refuse(
      `${field}: regex "${regex}" is not RE2 syntax: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (size > LARGEST_PROGRAM)
    refuse(`${field}: regex "${regex}" has program size ${size}, more than ${LARGEST_PROGRAM}`);
  return regex;
}

/** Envoy `StringMatcher`. */
export function decodeStringMatcher({ matchPattern, ignoreCase }: ProtoStringMatcher, field: string): StringMatcher {
  switch (matchPattern.case) {
    case "exact":
    case "prefix":
    case "suffix":
    case "contains":
      return { kind: matchPattern.case, value: matchPattern.value, ignoreCase };
    case "safeRegex":
      return { kind: "regex", value: checkRegex(matchPattern.value.regex, field), ignoreCase: false };
    default:
      return refuse(`${field}: string matcher "${matchPattern.case}" is not supported`);
  }
}

/** Envoy `HeaderMatcher`, including the forms that were replaced by `string_match`. */
export function decodeHeaderMatcher(matcher: ProtoHeaderMatcher): HeaderMatcher {
  if (matcher.name === "") refuse("header matcher without a name");
  return {
    name: matcher.name.toLowerCase(),
    invert: matcher.invertMatch,
    treatMissingAsEmpty: matcher.treatMissingHeaderAsEmpty,
    test: decodeTest(matcher),
  };
}

function decodeTest({ name, headerMatchSpecifier: specifier }: ProtoHeaderMatcher): HeaderTest {
  const field = `header "${name}"`;
  const string = (kind: StringMatcher["kind"], value: string): HeaderTest => ({
    kind: "string",
    matcher: { kind, value, ignoreCase: false },
  });
  switch (specifier.case) {
    case "exactMatch":
      return string("exact", specifier.value);
    case "prefixMatch":
      return string("prefix", specifier.value);
    case "suffixMatch":
      return string("suffix", specifier.value);
    case "containsMatch":
      return string("contains", specifier.value);
    case "safeRegexMatch":
      return string("regex", checkRegex(specifier.value.regex, field));
    case "stringMatch":
      return { kind: "string", matcher: decodeStringMatcher(specifier.value, field) };
    case "rangeMatch": {
      const { start, end } = specifier.value;
      if (start >= end) refuse(`${field}: range [${start}, ${end}) is empty`);
      return { kind: "range", start: Number(start), end: Number(end) };
    }
    case "presentMatch":
      return { kind: "present", present: specifier.value };
    default:
      // Envoy: a matcher that asks for nothing asks for presence.
      return { kind: "present", present: true };
  }
}
