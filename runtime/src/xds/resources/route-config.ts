import type { DataSource } from "@meshwright/proto/envoy/config/core/v3/base_pb";
import type {
  RetryPolicy as ProtoRetryPolicy,
  Route as ProtoRoute,
  RouteAction as ProtoRouteAction,
  RouteMatch as ProtoRouteMatch,
  VirtualHost as ProtoVirtualHost,
} from "@meshwright/proto/envoy/config/route/v3/route_components_pb";
import type { RouteConfiguration } from "@meshwright/proto/envoy/config/route/v3/route_pb";
import type {
  ForwardAction,
  PathMatcher,
  RetryCondition,
  RetryPolicy,
  Route,
  RouteAction,
  RouteConfig,
  RouteMatch,
  VirtualHost,
  WeightedCluster,
} from "../../config/route.js";
import { refuse } from "./decoded.js";
import { boundMs, durationMs } from "./durations.js";
import { perMillion } from "./fractions.js";
import { checkRegex, decodeHeaderMatcher } from "./matchers.js";

const LARGEST_WEIGHT_SUM = 2 ** 32 - 1;
// gRFC A44: the first backoff, and how far it grows, when the policy does not say.
const DEFAULT_BASE_BACKOFF_MS = 25;
const BACKOFF_GROWTH = 10;

const CONDITIONS: ReadonlySet<string> = new Set<RetryCondition>([
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
  "connect-failure",
  "refused-stream",
]);

/** Envoy `RouteConfiguration`. */
export function decodeRouteConfig({ name, virtualHosts }: RouteConfiguration): RouteConfig {
  return { name, virtualHosts: virtualHosts.map(decodeVirtualHost) };
}

function decodeVirtualHost({ name, domains, routes, retryPolicy }: ProtoVirtualHost): VirtualHost {
  if (domains.length === 0) refuse(`virtual host "${name}": no domains`);
  for (const domain of domains) {
    if (!isDomainPattern(domain))
      refuse(`virtual host "${name}": domain "${domain}" is none of host, *suffix, prefix* and *`);
  }
  const inherited = retryPolicy && decodeRetryPolicy(retryPolicy);
  const decoded: Route[] = [];
  for (const [index, route] of routes.entries()) {
    try {
      const made = decodeRoute(route, inherited);
      if (made !== undefined) decoded.push(made);
    } catch (error) {
      const label = route.name === "" ? `route ${index}` : `route "${route.name}"`;
      refuse(`virtual host "${name}": ${label}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { name, domains: domains.map((domain) => domain.toLowerCase()), routes: decoded };
}

function isDomainPattern(domain: string): boolean {
  const star = domain.indexOf("*");
  return domain !== "" && star === domain.lastIndexOf("*") && (star <= 0 || star === domain.length - 1);
}

/** One route; undefined when it is one that gRPC clients pass over (gRFC A28). */
function decodeRoute(route: ProtoRoute, inherited: RetryPolicy | undefined): Route | undefined {
  const { match, action } = route;
  if (match === undefined) return refuse("no match");
  // A path of gRPC has no query.
  if (match.queryParameters.length > 0) return undefined;
  const decodedAction = decodeAction(action, inherited);
  if (decodedAction === undefined) return undefined;
  return { name: routeName(route), match: decodeMatch(match), action: decodedAction };
}

/** The route's own name, or the configuration object that Istio made it from. */
function routeName({ name, metadata }: ProtoRoute): string {
  if (name !== "") return name;
  const config = metadata?.filterMetadata["istio"]?.["config"];
  return typeof config === "string" ? config : "";
}

function decodeMatch(match: ProtoRouteMatch): RouteMatch {
  const base: RouteMatch = { path: decodePath(match), headers: match.headers.map(decodeHeaderMatcher) };
  const fraction = match.runtimeFraction?.defaultValue;
  return fraction === undefined ? base : { ...base, fractionPerMillion: perMillion(fraction) };
}

function decodePath({ pathSpecifier: specifier, caseSensitive }: ProtoRouteMatch): PathMatcher {
  const ignoreCase = caseSensitive === false;
  switch (specifier.case) {
    case "prefix":
      return { kind: "prefix", value: specifier.value, ignoreCase };
    case "path":
      return { kind: "exact", value: specifier.value, ignoreCase };
    case "pathSeparatedPrefix":
      return { kind: "path_separated_prefix", value: specifier.value, ignoreCase };
    case "safeRegex":
      return { kind: "regex", value: checkRegex(specifier.value.regex, "path"), ignoreCase: false };
    default:
      return refuse(`path specifier "${specifier.case}" is not supported`);
  }
}

function decodeAction(action: ProtoRoute["action"], inherited: RetryPolicy | undefined): RouteAction | undefined {
  switch (action.case) {
    case "route":
      return decodeForward(action.value, inherited);
    case "directResponse": {
      return { kind: "respond", httpStatus: action.value.status, body: bodyText(action.value.body?.specifier) };
    }
    case "redirect":
      return { kind: "reject", reason: "the route is a redirect, which an RPC can't follow" };
    case "nonForwardingAction":
      return { kind: "reject", reason: "the route is for servers only" };
    default:
      return { kind: "reject", reason: `the route's action "${action.case}" is not supported` };
  }
}

/** Files and variables of this machine are not for a control plane to read. */
function bodyText(specifier: DataSource["specifier"] | undefined): string {
  if (specifier?.case === "inlineBytes") return new TextDecoder().decode(specifier.value);
  return specifier?.case === "inlineString" ? specifier.value : "";
}

function decodeForward(action: ProtoRouteAction, inherited: RetryPolicy | undefined): ForwardAction | undefined {
  const clusters = decodeClusters(action);
  if (clusters === undefined) return undefined;
  const timeoutMs = decodeTimeout(action);
  const retry = action.retryPolicy === undefined ? inherited : decodeRetryPolicy(action.retryPolicy);
  return {
    kind: "forward",
    clusters,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(retry === undefined ? {} : { retry }),
  };
}

function decodeClusters({ clusterSpecifier: specifier }: ProtoRouteAction): WeightedCluster[] | undefined {
  switch (specifier.case) {
    case "cluster":
      if (specifier.value === "") refuse("empty cluster name");
      return [{ name: specifier.value, weight: 1 }];
    case "weightedClusters": {
      const clusters = specifier.value.clusters.map(({ name, weight }) => ({ name, weight: weight ?? 0 }));
      if (clusters.some(({ name }) => name === "")) refuse("empty cluster name in weighted_clusters");
      const sum = clusters.reduce((total, { weight }) => total + weight, 0);
      if (sum < 1 || sum > LARGEST_WEIGHT_SUM) refuse(`sum of the cluster weights ${sum} must be in 1 to 2^32-1`);
      return clusters;
    }
    default:
      // A cluster that only the request names, or a plugin's: gRPC passes over such routes.
      return undefined;
  }
}

/** gRFC A31 before Envoy's own timeout, which istiod sends to sidecars. */
function decodeTimeout({ maxStreamDuration, timeout }: ProtoRouteAction): number | undefined {
  const header = maxStreamDuration?.grpcTimeoutHeaderMax;
  if (header !== undefined) return durationMs(header, "grpc_timeout_header_max");
  const duration = maxStreamDuration?.maxStreamDuration;
  if (duration !== undefined) return durationMs(duration, "max_stream_duration");
  return timeout === undefined ? undefined : durationMs(timeout, "timeout");
}

function decodeRetryPolicy(policy: ProtoRetryPolicy): RetryPolicy | undefined {
  const on = policy.retryOn
    .split(",")
    .map((condition) => condition.trim())
    .filter((condition): condition is RetryCondition => CONDITIONS.has(condition));
  const maxRetries = policy.numRetries ?? 1;
  if (on.length === 0 || maxRetries < 1) return undefined;
  const { perTryTimeout, retryBackOff } = policy;
  const baseBackoffMs =
    retryBackOff?.baseInterval === undefined
      ? DEFAULT_BASE_BACKOFF_MS
      : Math.max(1, durationMs(retryBackOff.baseInterval, "base_interval"));
  const maxBackoffMs =
    retryBackOff?.maxInterval === undefined
      ? baseBackoffMs * BACKOFF_GROWTH
      : durationMs(retryBackOff.maxInterval, "max_interval");
  if (maxBackoffMs < baseBackoffMs)
    refuse(`max_interval ${maxBackoffMs} ms must be >= base_interval ${baseBackoffMs} ms`);
  const perTryTimeoutMs = boundMs(perTryTimeout, "per_try_timeout");
  return {
    on,
    maxRetries,
    baseBackoffMs,
    maxBackoffMs,
    avoidPreviousHosts: policy.retryHostPredicate.some(
      ({ name }) => name === "envoy.retry_host_predicates.previous_hosts",
    ),
    ...(perTryTimeoutMs === undefined ? {} : { perTryTimeoutMs }),
  };
}
