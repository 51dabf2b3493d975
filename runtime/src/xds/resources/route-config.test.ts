import type {
  RouteActionSchema,
  RouteMatchSchema,
  RouteSchema,
  VirtualHostSchema,
} from "@meshwright/proto/envoy/config/route/v3/route_components_pb";
import { RouteConfigurationSchema } from "@meshwright/proto/envoy/config/route/v3/route_pb";
import { FractionalPercent_DenominatorType } from "@meshwright/proto/envoy/type/v3/percent_pb";
import { describe, expect, it } from "vitest";
import type { RouteAction, RouteMatch } from "../../config/route.js";
import { ROUTES } from "../resource-types.js";
import { anyOf, type Init } from "../test/scripted-ads.js";

type RouteInit = Init<typeof RouteSchema>;

const decodeHost = (host: Init<typeof VirtualHostSchema>) =>
  ROUTES.decode(
    "r",
    anyOf(RouteConfigurationSchema, { name: "r", virtualHosts: [{ name: "h", domains: ["*"], ...host }] }).value,
  );
const ANY_PATH: Init<typeof RouteMatchSchema> = { pathSpecifier: { case: "prefix", value: "" } };
const TO_C: Init<typeof RouteActionSchema> = { clusterSpecifier: { case: "cluster", value: "c" } };
const route = (fields: RouteInit = {}): RouteInit => ({
  match: ANY_PATH,
  action: { case: "route", value: TO_C },
  ...fields,
});

const routesOf = (host: Init<typeof VirtualHostSchema>) => {
  const result = decodeHost(host);
  if (result.kind === "invalid") throw new Error(result.message);
  return result.resource.virtualHosts[0]!.routes;
};
const actionOf = (value: Init<typeof RouteActionSchema>, host: Init<typeof VirtualHostSchema> = {}) =>
  routesOf({ ...host, routes: [route({ action: { case: "route", value: { ...TO_C, ...value } } })] })[0]?.action;
const matchOf = (match: Init<typeof RouteMatchSchema>) => routesOf({ routes: [route({ match })] })[0]?.match;

describe("a route", () => {
  it("is named by itself, else by the Istio object that it came from", () => {
    const metadata = { filterMetadata: { istio: { config: "/apis/v1/virtual-service/shop" } } };
    const names = routesOf({ routes: [route({ name: "own", metadata }), route({ metadata }), route()] }).map(
      ({ name }) => name,
    );
    expect(names).toEqual(["own", "/apis/v1/virtual-service/shop", ""]);
  });

  it.for<{ name: string; fields: RouteInit }>([
    { name: "query parameters", fields: { match: { ...ANY_PATH, queryParameters: [{ name: "q" }] } } },
    {
      name: "a cluster that a header names",
      fields: { action: { case: "route", value: { clusterSpecifier: { case: "clusterHeader", value: "h" } } } },
    },
  ])("with $name is passed over", ({ fields }) => {
    expect(routesOf({ routes: [route(fields), route({ name: "next" })] }).map(({ name }) => name)).toEqual(["next"]);
  });

  // grpc-js-xds crashed the process on non_forwarding_action.
  it.for<{ name: string; action: NonNullable<RouteInit["action"]>; expected: Partial<RouteAction> }>([
    { name: "a redirect", action: { case: "redirect", value: {} }, expected: { kind: "reject" } },
    { name: "non_forwarding_action", action: { case: "nonForwardingAction", value: {} }, expected: { kind: "reject" } },
    {
      name: "direct_response",
      action: {
        case: "directResponse",
        value: { status: 503, body: { specifier: { case: "inlineString", value: "later" } } },
      },
      expected: { kind: "respond", httpStatus: 503, body: "later" },
    },
    {
      name: "direct_response of bytes",
      action: {
        case: "directResponse",
        value: { status: 200, body: { specifier: { case: "inlineBytes", value: new Uint8Array([111, 107]) } } },
      },
      expected: { kind: "respond", httpStatus: 200, body: "ok" },
    },
  ])("of $name answers or rejects", ({ action, expected }) => {
    expect(routesOf({ routes: [route({ action })] })[0]?.action).toMatchObject(expected);
  });
});

describe("a match", () => {
  it.for<{ name: string; match: Init<typeof RouteMatchSchema>; expected: Partial<RouteMatch> }>([
    {
      name: "prefix",
      match: { pathSpecifier: { case: "prefix", value: "/a" } },
      expected: { path: { kind: "prefix", value: "/a", ignoreCase: false } },
    },
    {
      name: "path, any case",
      match: { pathSpecifier: { case: "path", value: "/a/b" }, caseSensitive: false },
      expected: { path: { kind: "exact", value: "/a/b", ignoreCase: true } },
    },
    {
      name: "path_separated_prefix",
      match: { pathSpecifier: { case: "pathSeparatedPrefix", value: "/a" }, caseSensitive: true },
      expected: { path: { kind: "path_separated_prefix", value: "/a", ignoreCase: false } },
    },
    {
      name: "safe_regex",
      match: { pathSpecifier: { case: "safeRegex", value: { regex: "/a|/b" } } },
      expected: { path: { kind: "regex", value: "/a|/b", ignoreCase: false } },
    },
    {
      name: "a fraction of ten thousand",
      match: {
        ...ANY_PATH,
        runtimeFraction: {
          defaultValue: { numerator: 5, denominator: FractionalPercent_DenominatorType.TEN_THOUSAND },
        },
      },
      expected: { fractionPerMillion: 500 },
    },
    {
      name: "more than all",
      match: { ...ANY_PATH, runtimeFraction: { defaultValue: { numerator: 101 } } },
      expected: { fractionPerMillion: 1_000_000 },
    },
  ])("by $name", ({ match, expected }) => {
    expect(matchOf(match)).toMatchObject(expected);
  });
});

describe("a timeout", () => {
  const seconds = (value: bigint) => ({ seconds: value });
  it.for<{ name: string; action: Init<typeof RouteActionSchema>; expected: number | undefined }>([
    {
      name: "grpc_timeout_header_max before the others",
      action: {
        timeout: seconds(3n),
        maxStreamDuration: { grpcTimeoutHeaderMax: seconds(1n), maxStreamDuration: seconds(2n) },
      },
      expected: 1_000,
    },
    {
      name: "max_stream_duration before timeout",
      action: { timeout: seconds(3n), maxStreamDuration: { maxStreamDuration: seconds(2n) } },
      expected: 2_000,
    },
    { name: "timeout", action: { timeout: { nanos: 1_500_000 } }, expected: 1.5 },
    {
      name: "0, no bound whatever the listener says",
      action: { timeout: seconds(3n), maxStreamDuration: { maxStreamDuration: {} } },
      expected: 0,
    },
    { name: "none when nothing is said", action: {}, expected: undefined },
  ])("is $name", ({ action, expected }) => {
    const decoded = actionOf(action);
    expect(decoded?.kind === "forward" ? decoded.timeoutMs : "no forward").toBe(expected);
  });
});

describe("a retry policy", () => {
  it("has Envoy's defaults and keeps the conditions that an RPC can meet", () => {
    const retryOn = "connect-failure,refused-stream, unavailable,cancelled,retriable-status-codes,5xx";
    expect(actionOf({ retryPolicy: { retryOn } })).toMatchObject({
      retry: {
        on: ["connect-failure", "refused-stream", "unavailable", "cancelled"],
        maxRetries: 1,
        baseBackoffMs: 25,
        maxBackoffMs: 250,
        avoidPreviousHosts: false,
      },
    });
  });

  it("takes what is said", () => {
    const retryPolicy = {
      retryOn: "internal",
      numRetries: 4,
      perTryTimeout: { seconds: 2n },
      retryBackOff: { baseInterval: { nanos: 500_000 }, maxInterval: { seconds: 1n } },
      retryHostPredicate: [{ name: "envoy.retry_host_predicates.previous_hosts" }],
    };
    expect(actionOf({ retryPolicy })).toMatchObject({
      retry: {
        on: ["internal"],
        maxRetries: 4,
        perTryTimeoutMs: 2_000,
        baseBackoffMs: 1,
        maxBackoffMs: 1_000,
        avoidPreviousHosts: true,
      },
    });
  });

  it.for<{ name: string; own: { retryOn: string; numRetries?: number } | undefined; expected: number | undefined }>([
    { name: "is the virtual host's when the route has none", own: undefined, expected: 3 },
    { name: "of the route replaces the virtual host's", own: { retryOn: "internal", numRetries: 5 }, expected: 5 },
    {
      name: "of the route without retries leaves none",
      own: { retryOn: "internal", numRetries: 0 },
      expected: undefined,
    },
    { name: "of the route without conditions of ours leaves none", own: { retryOn: "5xx" }, expected: undefined },
  ])("$name", ({ own, expected }) => {
    const decoded = actionOf(own === undefined ? {} : { retryPolicy: own }, {
      retryPolicy: { retryOn: "unavailable", numRetries: 3 },
    });
    expect(decoded?.kind === "forward" ? decoded.retry?.maxRetries : "no forward").toBe(expected);
  });
});

describe("an invalid route configuration", () => {
  const weighted = (...clusters: readonly { name: string; weight?: number }[]): RouteInit => ({
    action: {
      case: "route",
      value: { clusterSpecifier: { case: "weightedClusters", value: { clusters: [...clusters] } } },
    },
  });
  it.for<{ name: string; host: Init<typeof VirtualHostSchema>; message: string }>([
    { name: "no domains", host: { domains: [] }, message: 'virtual host "h": no domains' },
    { name: "a star within a domain", host: { domains: ["a*b"] }, message: '"a*b"' },
    { name: "two stars", host: { domains: ["*a*"] }, message: '"*a*"' },
    {
      name: "a route without a match",
      host: { routes: [{ action: { case: "route", value: TO_C } }] },
      message: "route 0: no match",
    },
    { name: "no path", host: { routes: [route({ name: "x", match: {} })] }, message: 'route "x": path' },
    {
      name: "an empty cluster name",
      host: {
        routes: [route({ action: { case: "route", value: { clusterSpecifier: { case: "cluster", value: "" } } } })],
      },
      message: "cluster name",
    },
    {
      name: "an empty name among weighted clusters",
      host: { routes: [route(weighted({ name: "", weight: 1 }))] },
      message: "cluster name",
    },
    {
      name: "weights that are all 0",
      host: { routes: [route(weighted({ name: "a" }, { name: "b", weight: 0 }))] },
      message: "weights 0",
    },
    {
      name: "weights beyond 2^32 - 1",
      host: { routes: [route(weighted({ name: "a", weight: 4294967295 }, { name: "b", weight: 1 }))] },
      message: "weights 4294967296",
    },
    {
      name: "a regex with a back-reference",
      host: { routes: [route({ match: { pathSpecifier: { case: "safeRegex", value: { regex: "(a)\\1" } } } })] },
      message: "RE2",
    },
    {
      name: "a regex of a huge program",
      host: {
        routes: [route({ match: { pathSpecifier: { case: "safeRegex", value: { regex: "[a-c]{900}x{300}" } } } })],
      },
      message: "program size",
    },
    {
      name: "a negative timeout",
      host: { routes: [route({ action: { case: "route", value: { ...TO_C, timeout: { seconds: -1n } } } })] },
      message: "timeout",
    },
    {
      name: "a backoff that shrinks",
      host: {
        retryPolicy: {
          retryOn: "internal",
          retryBackOff: { baseInterval: { seconds: 2n }, maxInterval: { seconds: 1n } },
        },
      },
      message: "max_interval",
    },
  ])("has $name", ({ host, message }) => {
    expect(decodeHost(host)).toEqual({ kind: "invalid", message: expect.stringContaining(message) });
  });
});
