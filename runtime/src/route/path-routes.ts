import type { Rng } from "../base/rng.js";
import { accepts, type CompiledRoute, decide, isUnconditional } from "./compiled-route.js";
import type { HeaderView, RouteCall } from "./header-view.js";
import type { RouteDecision } from "./route-decision.js";

/** What is left of a virtual host for one path: the routes that can take a call to it, in order. */
export interface PathRoutes<C> {
  readonly steps: readonly Step<C>[];
  /** When no step takes the call. */
  readonly otherwise: RouteDecision<C>;
}

type Step<C> =
  | { readonly kind: "route"; readonly route: CompiledRoute<C> }
  /** Neighbours that each demand one value of the same header: at most those for the call's value can match. */
  | {
      readonly kind: "by_header";
      readonly name: string;
      readonly byValue: ReadonlyMap<string, readonly CompiledRoute<C>[]>;
    };

// Below this, a look at each route costs less than the index.
const INDEXED_NEIGHBOURS = 4;

/** Gathers the routes for one path. */
export function gatherPathRoutes<C>(
  routes: readonly CompiledRoute<C>[],
  path: string,
  otherwise: RouteDecision<C>,
): PathRoutes<C> {
  const steps: Step<C>[] = [];
  let neighbours: CompiledRoute<C>[] = [];
  for (const route of routes) {
    if (!route.matchesPath(path)) continue;
    if (neighbours.length > 0 && neighbours[0]?.key?.name !== route.key?.name) {
      addNeighbours(steps, neighbours);
      neighbours = [];
    }
    neighbours.push(route);
    // It takes every call: nothing after it can be reached.
    if (isUnconditional(route)) break;
  }
  addNeighbours(steps, neighbours);
  return { steps, otherwise };
}

/** The first route that takes the call decides. */
export function matchPathRoutes<C>(
  { steps, otherwise }: PathRoutes<C>,
  call: RouteCall,
  headers: HeaderView,
  rng: Rng,
): RouteDecision<C> {
  const first = steps[0];
  if (first === undefined) return otherwise;
  if (first.kind === "route" && isUnconditional(first.route)) return decide(first.route.outcomes, rng);
  headers.reset(call);
  const route = firstMatch(steps, headers, rng);
  headers.reset();
  return route === undefined ? otherwise : decide(route.outcomes, rng);
}

function firstMatch<C>(steps: readonly Step<C>[], headers: HeaderView, rng: Rng): CompiledRoute<C> | undefined {
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i] as Step<C>;
    if (step.kind === "route") {
      if (accepts(step.route, headers, rng)) return step.route;
      continue;
    }
    const value = headers.get(step.name);
    const candidates = value === undefined ? undefined : step.byValue.get(value);
    if (candidates === undefined) continue;
    for (let j = 0; j < candidates.length; j++) {
      const route = candidates[j] as CompiledRoute<C>;
      if (accepts(route, headers, rng)) return route;
    }
  }
  return undefined;
}

function addNeighbours<C>(steps: Step<C>[], neighbours: readonly CompiledRoute<C>[]): void {
  const name = neighbours[0]?.key?.name;
  if (name === undefined || neighbours.length < INDEXED_NEIGHBOURS) {
    for (const route of neighbours) steps.push({ kind: "route", route });
    return;
  }
  const byValue = new Map<string, CompiledRoute<C>[]>();
  for (const route of neighbours) {
    const value = route.key?.value ?? "";
    const sameValue = byValue.get(value);
    if (sameValue === undefined) byValue.set(value, [route]);
    else sameValue.push(route);
  }
  steps.push({ kind: "by_header", name, byValue });
}
