import type { Rng } from "../base/rng.js";
import type { Route } from "../config/route.js";
import { type CompiledHeader, compileHeaderMatcher, requiredValue } from "./header-matcher.js";
import type { HeaderView } from "./header-view.js";
import { compilePathMatcher } from "./path-matcher.js";
import { compileAction, type Outcomes, only, type RouteDecision } from "./route-decision.js";
import type { TextTest } from "./string-matcher.js";

/** One route, ready to run. */
export interface CompiledRoute<C> {
  readonly matchesPath: TextTest;
  /** A header value without which the route can't match. */
  readonly key: { readonly name: string; readonly value: string } | undefined;
  readonly headers: readonly CompiledHeader[];
  /** The share of calls that the route takes, 1000000 or more for all. */
  readonly perMillion: number;
  readonly outcomes: Outcomes<C>;
}

const ALL = 1_000_000;

/**
 * Compiles one route. A regex that can't be compiled should have been refused when the configuration came in. If one
 * gets here all the same, the route fails closed: its other conditions hold as they are, and the calls that meet them
 * are rejected, rather than handed to a later route that was not meant for them.
 */
export function compileRoute<C>(
  route: Route,
  defaultTimeoutMs: number | undefined,
  resolveCluster: (name: string) => C,
): CompiledRoute<C> {
  const problems: string[] = [];
  const path = compilePathMatcher(route.match.path);
  if (path.kind === "invalid") problems.push(`path: ${path.message}`);
  const headers: CompiledHeader[] = [];
  let key: CompiledRoute<C>["key"];
  for (const matcher of route.match.headers) {
    const compiled = compileHeaderMatcher(matcher);
    if (compiled.kind === "invalid") problems.push(compiled.message);
    else headers.push(compiled.header);
    const value = requiredValue(matcher);
    if (key === undefined && value !== undefined) key = { name: matcher.name, value };
  }
  return {
    matchesPath: path.kind === "ok" ? path.test : () => true,
    key,
    headers,
    perMillion: route.match.fractionPerMillion ?? ALL,
    outcomes:
      problems.length === 0
        ? compileAction(route, defaultTimeoutMs, resolveCluster)
        : only({ kind: "reject", message: `route "${route.name}" can't be matched: ${problems.join("; ")}` }),
  };
}

/** Whether every call that has the path takes the route. */
export function isUnconditional(route: CompiledRoute<unknown>): boolean {
  return route.headers.length === 0 && route.perMillion >= ALL;
}

/** Whether a call that has the path takes the route. */
export function accepts(route: CompiledRoute<unknown>, headers: HeaderView, rng: Rng): boolean {
  const matchers = route.headers;
  for (let i = 0; i < matchers.length; i++) {
    if (!(matchers[i] as CompiledHeader).matches(headers)) return false;
  }
  // Envoy draws last, so that the fraction is one of the calls that match otherwise.
  return route.perMillion >= ALL || rng() * ALL < route.perMillion;
}

/** Chooses one outcome by weight. */
export function decide<C>(outcomes: Outcomes<C>, rng: Rng): RouteDecision<C> {
  const { decisions, ends } = outcomes;
  if (decisions.length === 1) return decisions[0];
  const point = rng() * outcomes.total;
  let i = 0;
  while (i < ends.length - 1 && point >= (ends[i] as number)) i++;
  return decisions[i] as RouteDecision<C>;
}
