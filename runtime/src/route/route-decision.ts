import type { ForwardAction, RetryPolicy, Route } from "../config/route.js";

/** What to do with a call. `C` is the consumer's handle of a cluster. */
export type RouteDecision<C> =
  | {
      readonly kind: "forward";
      readonly cluster: C;
      readonly clusterName: string;
      /** Bound of the whole call (gRFC A31), more than 0. Absent: none. */
      readonly timeoutMs?: number | undefined;
      readonly retry?: RetryPolicy | undefined;
      /** The name of the route, for people; empty when it has none. */
      readonly routeName: string;
    }
  /** The route answers by itself, with this gRPC status. */
  | { readonly kind: "respond"; readonly code: number; readonly message: string }
  /** The call fails with UNAVAILABLE and this message. */
  | { readonly kind: "reject"; readonly message: string };

/** The outcomes of one route, with the share of each as running totals: outcome `i` ends at `ends[i]`. */
export interface Outcomes<C> {
  readonly decisions: readonly [RouteDecision<C>, ...RouteDecision<C>[]];
  readonly ends: readonly number[];
  readonly total: number;
}

/** The outcomes of a route's action. `defaultTimeoutMs` holds for a route without its own; 0 is no bound (gRFC A31). */
export function compileAction<C>(
  route: Route,
  defaultTimeoutMs: number | undefined,
  resolveCluster: (name: string) => C,
): Outcomes<C> {
  const { action, name } = route;
  switch (action.kind) {
    case "forward":
      return forward(action, name, action.timeoutMs ?? defaultTimeoutMs, resolveCluster);
    case "respond": {
      const message = action.body || `route "${name}" answers with HTTP status ${action.httpStatus}`;
      return only({ kind: "respond", code: codeOfHttpStatus(action.httpStatus), message });
    }
    case "reject":
      return only({ kind: "reject", message: `route "${name}": ${action.reason}` });
    default:
      return action satisfies never;
  }
}

/** The outcome of a route that has one. */
export function only<C>(decision: RouteDecision<C>): Outcomes<C> {
  return { decisions: [decision], ends: [1], total: 1 };
}

/**
 * The gRPC status code for an HTTP status that comes without one, by gRPC's `http-grpc-status-mapping`; Envoy maps its
 * own replies alike.
 */
export function codeOfHttpStatus(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
      return 13; // INTERNAL
    case 401:
      return 16; // UNAUTHENTICATED
    case 403:
      return 7; // PERMISSION_DENIED
    case 404:
      return 12; // UNIMPLEMENTED
    case 429:
    case 502:
    case 503:
    case 504:
      return 14; // UNAVAILABLE
    default:
      return 2; // UNKNOWN
  }
}

function forward<C>(
  action: ForwardAction,
  routeName: string,
  timeoutMs: number | undefined,
  resolveCluster: (name: string) => C,
): Outcomes<C> {
  const decisions: RouteDecision<C>[] = [];
  const ends: number[] = [];
  let total = 0;
  for (const { name, weight } of action.clusters) {
    if (weight <= 0) continue;
    total += weight;
    ends.push(total);
    // Every decision has every field, so that the calls' reads of it stay monomorphic.
    decisions.push({
      kind: "forward",
      cluster: resolveCluster(name),
      clusterName: name,
      timeoutMs: timeoutMs === undefined || timeoutMs <= 0 ? undefined : timeoutMs,
      retry: action.retry,
      routeName,
    });
  }
  const [first, ...rest] = decisions;
  if (first === undefined)
    return only({ kind: "reject", message: `route "${routeName}": no cluster has a weight above 0` });
  return { decisions: [first, ...rest], ends, total };
}
