import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import type {
  HeaderMatcherSchema,
  RouteActionSchema,
  RouteMatchSchema,
  RouteSchema,
} from "@meshwright/proto/envoy/config/route/v3/route_components_pb";
import { type RouteConfiguration, RouteConfigurationSchema } from "@meshwright/proto/envoy/config/route/v3/route_pb";
import type { StringMatcherSchema } from "@meshwright/proto/envoy/type/matcher/v3/string_pb";
import type {
  HTTPMatchRequest,
  HTTPRetry,
  HTTPRoute,
  StringMatch,
} from "@meshwright/proto/istio/networking/v1alpha3/virtual_service_pb";
import { expandHost, type HostDefaults, shortNames } from "../model/hosts.js";
import type { HostRoutes, MeshModel, Service } from "../model/mesh-model.js";
import { clusterName, parseClusterName } from "./names.js";

// The plain objects that messages are made of, without the messages themselves: only those can be spread.
type Plain<D extends DescMessage> = Exclude<MessageInitShape<D>, { readonly $typeName: string }>;
type Route = Plain<typeof RouteSchema>;
type RouteMatch = Plain<typeof RouteMatchSchema>;
type RouteAction = Plain<typeof RouteActionSchema>;
type Matcher = Plain<typeof StringMatcherSchema>;
type HeaderMatcher = Plain<typeof HeaderMatcherSchema>;

// What istiod sends when a VirtualService says nothing of retries.
const DEFAULT_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";
const DEFAULT_RETRIES = 2;
const HOST_SELECTION_ATTEMPTS = 5n;

/** The routes of one port of a host: the VirtualService's, or one to the host itself. */
export function routeConfiguration(
  model: MeshModel,
  name: string,
  defaults: HostDefaults,
): RouteConfiguration | undefined {
  const target = parseClusterName(name);
  if (target === undefined || target.subset !== "") return undefined;
  const { host, port } = target;
  const service = model.services.get(host);
  if (!service?.ports.some(({ number }) => number === port)) return undefined;
  const routes = model.routes.get(host);
  return create(RouteConfigurationSchema, {
    name,
    virtualHosts: [
      {
        name: `${host}:${port}`,
        domains: [host, ...shortNames(host, defaults)].flatMap((name) => [name, `${name}:${port}`]),
        routes:
          routes === undefined
            ? [plainRoute(host, port)]
            : routes.http.flatMap((route) => httpRoute(route, routes, port, model.services, defaults)),
      },
    ],
    validateClusters: false,
  });
}

function plainRoute(host: string, port: number): Route {
  return {
    name: "default",
    match: { pathSpecifier: { case: "prefix", value: "/" } },
    action: {
      case: "route",
      value: {
        clusterSpecifier: { case: "cluster", value: clusterName({ port, subset: "", host }) },
        ...retryPolicy(undefined),
      },
    },
  };
}

/** One Istio route; it becomes an Envoy route per match. */
function httpRoute(
  route: HTTPRoute,
  { name, namespace }: HostRoutes,
  port: number,
  services: ReadonlyMap<string, Service>,
  defaults: HostDefaults,
): Route[] {
  const action: Route["action"] =
    route.directResponse === undefined
      ? { case: "route", value: forward(route, services, { ...defaults, namespace }) }
      : {
          case: "directResponse",
          value: {
            status: route.directResponse.status,
            ...(route.directResponse.body?.specifier.case === "string"
              ? { body: { specifier: { case: "inlineString", value: route.directResponse.body.specifier.value } } }
              : {}),
          },
        };
  const common = {
    name: route.name,
    action,
    metadata: {
      filterMetadata: {
        istio: { config: `/apis/networking.istio.io/v1alpha3/namespaces/${namespace}/virtual-service/${name}` },
      },
    },
  };
  if (route.match.length === 0) return [{ ...common, match: { pathSpecifier: { case: "prefix", value: "/" } } }];
  return route.match
    .filter((match) => match.port === 0 || match.port === port)
    .map((match) => ({
      ...common,
      name: match.name === "" ? route.name : `${route.name}.${match.name}`,
      match: routeMatch(match),
    }));
}

function routeMatch(match: HTTPMatchRequest): RouteMatch {
  return {
    ...pathOf(match),
    headers: [
      ...pseudoHeader(":method", match.method),
      ...pseudoHeader(":authority", match.authority),
      ...Object.entries(match.headers).map(([name, value]) => headerMatcher(name, value, false)),
      ...Object.entries(match.withoutHeaders).map(([name, value]) => headerMatcher(name, value, true)),
    ],
  };
}

function pathOf({ uri, ignoreUriCase }: HTTPMatchRequest): RouteMatch {
  const caseSensitive = ignoreUriCase ? { caseSensitive: false } : {};
  switch (uri?.matchType.case) {
    case "exact":
      return { pathSpecifier: { case: "path", value: uri.matchType.value }, ...caseSensitive };
    case "prefix":
      return { pathSpecifier: { case: "prefix", value: uri.matchType.value }, ...caseSensitive };
    case "regex":
      return { pathSpecifier: { case: "safeRegex", value: { regex: uri.matchType.value } } };
    default:
      return { pathSpecifier: { case: "prefix", value: "/" } };
  }
}

function pseudoHeader(name: string, match: StringMatch | undefined): HeaderMatcher[] {
  return match === undefined ? [] : [headerMatcher(name, match, false)];
}

/** An empty match of Istio asks for presence. */
function headerMatcher(name: string, { matchType }: StringMatch, invert: boolean): HeaderMatcher {
  const inverted = invert ? { invertMatch: true } : {};
  if (matchType.case === undefined) {
    return { name, headerMatchSpecifier: { case: "presentMatch", value: true }, ...inverted };
  }
  const value: Matcher =
    matchType.case === "regex"
      ? { matchPattern: { case: "safeRegex", value: { regex: matchType.value } } }
      : { matchPattern: { case: matchType.case, value: matchType.value } };
  // An absent header is not the unwanted one: without this it would match neither the test nor its inversion.
  const absent = invert ? { treatMissingHeaderAsEmpty: true } : {};
  return { name, headerMatchSpecifier: { case: "stringMatch", value }, ...inverted, ...absent };
}

function forward(route: HTTPRoute, services: ReadonlyMap<string, Service>, defaults: HostDefaults): RouteAction {
  const clusters = route.route.map(({ destination, weight }) => {
    const host = expandHost(destination?.host ?? "", defaults);
    const port = destination?.port?.number ?? services.get(host)?.ports[0]?.number ?? 0;
    return { name: clusterName({ port, subset: destination?.subset ?? "", host }), weight };
  });
  const [only] = clusters;
  return {
    clusterSpecifier:
      clusters.length === 1 && only !== undefined
        ? { case: "cluster", value: only.name }
        : { case: "weightedClusters", value: { clusters } },
    ...retryPolicy(route.retries),
    ...timeouts(route.timeout),
  };
}

/** istiod bounds proxyless clients by max_stream_duration; 0 means no bound. */
function timeouts(timeout: Duration | undefined): RouteAction {
  if (timeout === undefined) return {};
  return { timeout, maxStreamDuration: { maxStreamDuration: timeout, grpcTimeoutHeaderMax: timeout } };
}

function retryPolicy(retries: HTTPRetry | undefined): RouteAction {
  if (retries?.attempts === 0) return {};
  const base = {
    retryOn: retries?.retryOn === undefined || retries.retryOn === "" ? DEFAULT_RETRY_ON : retries.retryOn,
    numRetries: retries?.attempts ?? DEFAULT_RETRIES,
    ...(retries?.perTryTimeout === undefined ? {} : { perTryTimeout: retries.perTryTimeout }),
    ...(retries?.backoff === undefined ? {} : { retryBackOff: { baseInterval: retries.backoff } }),
  };
  if (retries?.retryIgnorePreviousHosts === false) return { retryPolicy: base };
  return {
    retryPolicy: {
      ...base,
      retryHostPredicate: [{ name: "envoy.retry_host_predicates.previous_hosts" }],
      hostSelectionRetryMaxAttempts: HOST_SELECTION_ATTEMPTS,
    },
  };
}
