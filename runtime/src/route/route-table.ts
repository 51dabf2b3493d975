import type { Rng } from "../base/rng.js";
import type { VirtualHost } from "../config/route.js";
import { compileRoute } from "./compiled-route.js";
import { HeaderView, type RouteCall } from "./header-view.js";
import { gatherPathRoutes, matchPathRoutes, type PathRoutes } from "./path-routes.js";
import type { RouteDecision } from "./route-decision.js";

export type { RouteCall } from "./header-view.js";
export type { RouteDecision } from "./route-decision.js";

/** A virtual host, compiled. Called once per call, and again when the call's cluster left the configuration. */
export interface RouteTable<C> {
  /**
   * The first route that matches decides (gRFC A28). Decisions are made at compile time and shared: a match of a path
   * seen before allocates nothing.
   */
  match(call: RouteCall, rng: Rng): RouteDecision<C>;
}

/** What a route takes from the listener when it does not say so itself. */
export interface RouteDefaults {
  /** Bound of a call in milliseconds (HttpConnectionManager `max_stream_duration`). Absent or 0: none. */
  readonly maxStreamDurationMs?: number;
}

// A client calls the methods of its stubs, which are few. A proxy may see any path: the memory stays bounded.
const REMEMBERED_PATHS = 1024;
const REMEMBERED_PATH_LENGTH = 512;

/**
 * Compiles the routes of a virtual host. Called when the virtual host changed, never per call.
 *
 * ```
 *   match(call) -> path seen before? -- no --> keep the routes that match the path, up to the first unconditional one
 *                       |                      |
 *                       yes <------------------+
 *                       v
 *                  the first whose headers and fraction hold -> one draw among its clusters -> decision
 * ```
 *
 * @param resolveCluster gives the handle of a cluster; called once per name. Clusters of weight 0 are not asked for.
 */
export function compileRoutes<C>(
  virtualHost: VirtualHost,
  defaults: RouteDefaults,
  resolveCluster: (name: string) => C,
): RouteTable<C> {
  const handles = new Map<string, C>();
  const resolveOnce = (name: string): C => {
    const known = handles.get(name);
    if (known !== undefined) return known;
    const handle = resolveCluster(name);
    handles.set(name, handle);
    return handle;
  };
  const routes = virtualHost.routes.map((route) => compileRoute(route, defaults.maxStreamDurationMs, resolveOnce));
  const byPath = new Map<string, PathRoutes<C>>();
  const headers = new HeaderView();

  const gather = (path: string): PathRoutes<C> => {
    const gathered = gatherPathRoutes(routes, path, {
      kind: "reject",
      message: `no route matches path "${path}" in virtual host "${virtualHost.name}"`,
    });
    if (path.length <= REMEMBERED_PATH_LENGTH) {
      if (byPath.size >= REMEMBERED_PATHS) byPath.clear();
      byPath.set(path, gathered);
    }
    return gathered;
  };

  return {
    match: (call, rng) => matchPathRoutes(byPath.get(call.path) ?? gather(call.path), call, headers, rng),
  };
}
