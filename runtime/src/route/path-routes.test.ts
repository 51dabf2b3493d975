import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Rng } from "../base/rng.js";
import type { HeaderMatcher, PathMatcher, VirtualHost } from "../config/route.js";
import { compileRoutes, type RouteCall } from "./route-table.js";

const NO_DRAW: Rng = () => {
  throw new Error("the match drew a random number");
};

const PREFIX_ALL: PathMatcher = { kind: "prefix", value: "/", ignoreCase: false };

const PATHS = ["/a.B/C", "/a.B/D", "/A.b/c", "/a.Bc/C", "/a"];
const VALUES = ["1", "2", "12", ""];

/** Matches one route after the other, as the definition says; regexes are those of the generator below. */
function linearMatch({ routes }: VirtualHost, { path: at, header }: RouteCall): string | undefined {
  const pathHolds = ({ kind, value, ignoreCase }: PathMatcher): boolean => {
    const [text, wanted] = ignoreCase ? [at.toLowerCase(), value.toLowerCase()] : [at, value];
    if (kind === "exact") return text === wanted;
    if (kind === "prefix") return text.startsWith(wanted);
    if (kind === "path_separated_prefix") return text === wanted || text.startsWith(`${wanted}/`);
    return new RegExp(`^(?:${value})$`).test(at);
  };
  const headerHolds = ({ name, invert, treatMissingAsEmpty, test }: HeaderMatcher): boolean => {
    const value = header(name) ?? (treatMissingAsEmpty ? "" : undefined);
    if (test.kind === "present") return (value !== undefined) === test.present ? !invert : invert;
    if (value === undefined || test.kind !== "string") return false;
    const wanted = test.matcher.value;
    const holds = test.matcher.kind === "exact" ? value === wanted : value.startsWith(wanted);
    return holds !== invert;
  };
  return routes.find(({ match }) => pathHolds(match.path) && match.headers.every(headerHolds))?.name;
}

describe("the routes of a path, against a linear search", () => {
  const pathMatchers = fc.oneof(
    fc.record({
      kind: fc.constantFrom("exact" as const, "prefix" as const, "path_separated_prefix" as const),
      value: fc.constantFrom(...PATHS),
      ignoreCase: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant("regex" as const),
      value: fc.constantFrom("/a\\.B/.*", "/a|/a\\.B/C", ".*C", "/a"),
      ignoreCase: fc.constant(false),
    }),
    fc.constant(PREFIX_ALL),
  );
  const headerMatchers = fc.record({
    name: fc.constantFrom("x", "y"),
    // Mostly plain exact ones, so that routes stand next to each other that are indexed by value.
    invert: fc.nat(5).map((n) => n === 0),
    treatMissingAsEmpty: fc.nat(5).map((n) => n === 0),
    test: fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constantFrom(...VALUES).map((value): HeaderMatcher["test"] => ({
          kind: "string",
          matcher: { kind: "exact", value, ignoreCase: false },
        })),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(...VALUES).map((value): HeaderMatcher["test"] => ({
          kind: "string",
          matcher: { kind: "prefix", value, ignoreCase: false },
        })),
      },
      { weight: 1, arbitrary: fc.boolean().map((present): HeaderMatcher["test"] => ({ kind: "present", present })) },
    ),
  });
  const hosts = fc
    .array(fc.record({ path: pathMatchers, headers: fc.array(headerMatchers, { maxLength: 2 }) }), { maxLength: 25 })
    .map(
      (matches): VirtualHost => ({
        name: "random",
        domains: ["*"],
        routes: matches.map((match, index) => ({
          name: `r${index}`,
          match,
          action: { kind: "forward", clusters: [{ name: "c", weight: 1 }] },
        })),
      }),
    );
  const headers = fc.record({ x: fc.constantFrom(...VALUES), y: fc.constantFrom(...VALUES) }, { requiredKeys: [] });
  const calls = fc.array(fc.tuple(fc.constantFrom(...PATHS), headers), { minLength: 1, maxLength: 8 });

  it("finds the same first route for every call", () => {
    fc.assert(
      fc.property(hosts, calls, (virtualHost, made) => {
        const table = compileRoutes(virtualHost, {}, String);
        for (const [at, values] of made) {
          const forCall: RouteCall = { path: at, header: (name) => (values as Record<string, string>)[name] };
          const decision = table.match(forCall, NO_DRAW);
          expect(decision.kind === "forward" ? decision.routeName : undefined).toBe(linearMatch(virtualHost, forCall));
        }
      }),
      { numRuns: 2000 },
    );
  });
});
