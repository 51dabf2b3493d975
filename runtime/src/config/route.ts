import type { StringMatcher } from "./string-matcher.js";

/** Envoy `RouteConfiguration`: virtual hosts in the order received. */
export interface RouteConfig {
  readonly name: string;
  readonly virtualHosts: readonly VirtualHost[];
}

/** Envoy `VirtualHost`: the routes for a set of domains. The first matching route wins. */
export interface VirtualHost {
  readonly name: string;
  /** `host`, `*suffix`, `prefix*` or `*`, lower case. */
  readonly domains: readonly string[];
  readonly routes: readonly Route[];
}

/** Envoy `Route`. */
export interface Route {
  /** For people: the route's name, or where it came from, such as the VirtualService. Empty when unknown. */
  readonly name: string;
  readonly match: RouteMatch;
  readonly action: RouteAction;
}

/** Envoy `RouteMatch`: every part must hold. */
export interface RouteMatch {
  readonly path: PathMatcher;
  readonly headers: readonly HeaderMatcher[];
  /** Share of the calls that the route takes, in millionths. Absent: all. */
  readonly fractionPerMillion?: number;
}

/** How the path `/package.Service/Method` is compared. `path_separated_prefix` ends at the end or at a `/`. */
export interface PathMatcher {
  readonly kind: "exact" | "prefix" | "path_separated_prefix" | "regex";
  readonly value: string;
  readonly ignoreCase: boolean;
}

/** Envoy `HeaderMatcher`. Several values of one header are joined by ",". */
export interface HeaderMatcher {
  /** Lower case. */
  readonly name: string;
  /** The result is negated. */
  readonly invert: boolean;
  /** An absent header counts as an empty one instead of as no match. */
  readonly treatMissingAsEmpty: boolean;
  readonly test: HeaderTest;
}

export type HeaderTest =
  | { readonly kind: "string"; readonly matcher: StringMatcher }
  /** The whole value is an integer in [start, end). */
  | { readonly kind: "range"; readonly start: number; readonly end: number }
  | { readonly kind: "present"; readonly present: boolean };

export type RouteAction =
  | ForwardAction
  /** The route answers by itself (Envoy `direct_response`): an HTTP status becomes a gRPC status. */
  | { readonly kind: "respond"; readonly httpStatus: number; readonly body: string }
  /** The route can't be used by an RPC client, a redirect for instance. A call that matches it fails with `reason`. */
  | { readonly kind: "reject"; readonly reason: string };

/** Envoy `RouteAction` with `cluster` or `weighted_clusters`. */
export interface ForwardAction {
  readonly kind: "forward";
  /** At least one; the weights' sum is in [1, 2^32 - 1]. Clusters of weight 0 get no call. */
  readonly clusters: readonly WeightedCluster[];
  /** Upper bound of the whole call in milliseconds (gRFC A31). Absent: the listener's, if any; 0: none at all. */
  readonly timeoutMs?: number;
  readonly retry?: RetryPolicy;
}

export interface WeightedCluster {
  readonly name: string;
  readonly weight: number;
}

/** Envoy `RetryPolicy`, the conditions that an RPC can meet. */
export interface RetryPolicy {
  readonly on: readonly RetryCondition[];
  /** Attempts after the first, at least 1. */
  readonly maxRetries: number;
  /** Bound of one attempt in milliseconds. Absent: none but the call's own. */
  readonly perTryTimeoutMs?: number;
  /** First backoff in milliseconds; each later one doubles, up to `maxBackoffMs`. Defaults: 25 and ten times the base. */
  readonly baseBackoffMs: number;
  readonly maxBackoffMs: number;
  /** Prefer endpoints that the call has not tried (Envoy `previous_hosts`). */
  readonly avoidPreviousHosts: boolean;
}

/**
 * When an attempt may be repeated. The gRPC status names are Envoy's `x-envoy-retry-grpc-on`; `connect-failure` and
 * `refused-stream` are failures that the server never saw.
 */
export type RetryCondition =
  | "cancelled"
  | "deadline-exceeded"
  | "internal"
  | "resource-exhausted"
  | "unavailable"
  | "connect-failure"
  | "refused-stream";
