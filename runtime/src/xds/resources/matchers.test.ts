import type { HeaderMatcherSchema } from "@meshwright/proto/envoy/config/route/v3/route_components_pb";
import { RouteConfigurationSchema } from "@meshwright/proto/envoy/config/route/v3/route_pb";
import { describe, expect, it } from "vitest";
import type { HeaderMatcher } from "../../config/route.js";
import { ROUTES } from "../resource-types.js";
import { anyOf, type Init } from "../test/scripted-ads.js";

type HeaderInit = Init<typeof HeaderMatcherSchema>;

const decode = (header: HeaderInit) => {
  const match = { pathSpecifier: { case: "prefix" as const, value: "" }, headers: [header] };
  const virtualHosts = [
    { name: "h", domains: ["*"], routes: [{ match, action: { case: "redirect" as const, value: {} } }] },
  ];
  return ROUTES.decode("r", anyOf(RouteConfigurationSchema, { virtualHosts }).value);
};

describe("decodeHeaderMatcher", () => {
  const string = (kind: string, value: string, ignoreCase = false) => ({
    kind: "string",
    matcher: { kind, value, ignoreCase },
  });
  it.for<{ name: string; specifier: NonNullable<HeaderInit["headerMatchSpecifier"]>; expected: unknown }>([
    { name: "exact_match", specifier: { case: "exactMatch", value: "a" }, expected: string("exact", "a") },
    { name: "prefix_match", specifier: { case: "prefixMatch", value: "a" }, expected: string("prefix", "a") },
    { name: "suffix_match", specifier: { case: "suffixMatch", value: "a" }, expected: string("suffix", "a") },
    { name: "contains_match", specifier: { case: "containsMatch", value: "a" }, expected: string("contains", "a") },
    {
      name: "safe_regex_match",
      specifier: { case: "safeRegexMatch", value: { regex: "a|b" } },
      expected: string("regex", "a|b"),
    },
    {
      name: "range_match",
      specifier: { case: "rangeMatch", value: { start: -1n, end: 5n } },
      expected: { kind: "range", start: -1, end: 5 },
    },
    {
      name: "present_match",
      specifier: { case: "presentMatch", value: true },
      expected: { kind: "present", present: true },
    },
    // grpc-js-xds took false for true.
    {
      name: "present_match of false",
      specifier: { case: "presentMatch", value: false },
      expected: { kind: "present", present: false },
    },
    { name: "no test as presence", specifier: { case: undefined }, expected: { kind: "present", present: true } },
    {
      name: "string_match",
      specifier: { case: "stringMatch", value: { matchPattern: { case: "suffix", value: "A" }, ignoreCase: true } },
      expected: string("suffix", "A", true),
    },
    {
      name: "string_match by regex, to which ignore_case does not apply",
      specifier: {
        case: "stringMatch",
        value: { matchPattern: { case: "safeRegex", value: { regex: "a" } }, ignoreCase: true },
      },
      expected: string("regex", "a"),
    },
  ])("reads $name", ({ specifier, expected }) => {
    const result = decode({ name: "x-user", headerMatchSpecifier: specifier });
    const header: HeaderMatcher | undefined =
      result.kind === "ok" ? result.resource.virtualHosts[0]?.routes[0]?.match.headers[0] : undefined;
    expect(header).toEqual({ name: "x-user", invert: false, treatMissingAsEmpty: false, test: expected });
  });

  it("writes the name in lower case and keeps both flags", () => {
    const result = decode({ name: "X-User", invertMatch: true, treatMissingHeaderAsEmpty: true });
    expect(result).toMatchObject({
      resource: {
        virtualHosts: [
          { routes: [{ match: { headers: [{ name: "x-user", invert: true, treatMissingAsEmpty: true }] } }] },
        ],
      },
    });
  });

  it.for<{ name: string; header: HeaderInit; message: string }>([
    { name: "an empty name", header: {}, message: "without a name" },
    {
      name: "a regex that RE2 does not have",
      header: { name: "x", headerMatchSpecifier: { case: "safeRegexMatch", value: { regex: "(?=a)" } } },
      message: 'header "x": regex "(?=a)" is not RE2 syntax',
    },
    {
      name: "a string_match of nothing",
      header: { name: "x", headerMatchSpecifier: { case: "stringMatch", value: {} } },
      message: 'header "x"',
    },
    {
      name: "an empty range",
      header: { name: "x", headerMatchSpecifier: { case: "rangeMatch", value: { start: 5n, end: 5n } } },
      message: "[5, 5)",
    },
    {
      name: "a regex that is too long",
      header: { name: "x", headerMatchSpecifier: { case: "safeRegexMatch", value: { regex: "a".repeat(4_097) } } },
      message: "4097 characters",
    },
  ])("refuses $name", ({ header, message }) => {
    expect(decode(header)).toEqual({ kind: "invalid", message: expect.stringContaining(message) });
  });
});
