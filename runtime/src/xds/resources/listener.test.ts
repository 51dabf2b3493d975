import { ClusterSchema } from "@meshwright/proto/envoy/config/cluster/v3/cluster_pb";
import { ListenerSchema } from "@meshwright/proto/envoy/config/listener/v3/listener_pb";
import { HTTPFaultSchema } from "@meshwright/proto/envoy/extensions/filters/http/fault/v3/fault_pb";
import type {
  HttpConnectionManagerSchema,
  HttpFilterSchema,
} from "@meshwright/proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb";
import { describe, expect, it } from "vitest";
import { LISTENER } from "../resource-types.js";
import { ADS, listenerWith, ROUTER, virtualHost } from "../test/resources.js";
import { anyOf, type Init } from "../test/scripted-ads.js";

type Manager = Init<typeof HttpConnectionManagerSchema>;
type Filter = Init<typeof HttpFilterSchema>;

const RDS = { routeSpecifier: { case: "rds" as const, value: { configSource: ADS, routeConfigName: "routes" } } };
const FAULT: Filter = { name: "fault", configType: { case: "typedConfig", value: anyOf(HTTPFaultSchema, {}) } };
const UNKNOWN: Filter = { name: "other", configType: { case: "typedConfig", value: anyOf(ClusterSchema, {}) } };
const decode = (manager: Manager) => LISTENER.decode("l", listenerWith("l", { ...RDS, ...manager }).value);

describe("decodeListener", () => {
  it("names the routes to ask for", () => {
    expect(decode({})).toEqual({ kind: "ok", resource: { routes: { kind: "rds", name: "routes" } } });
  });

  it("takes routes that it holds itself", () => {
    const value = { name: "inline", virtualHosts: [virtualHost("*", "c")] };
    expect(decode({ routeSpecifier: { case: "routeConfig", value } })).toMatchObject({
      resource: { routes: { kind: "inline", config: { name: "inline", virtualHosts: [{ domains: ["*"] }] } } },
    });
  });

  // grpc-js-xds took the default timeout of calls from idle_timeout.
  it("bounds calls by max_stream_duration, not by idle_timeout", () => {
    const limits = { idleTimeout: { seconds: 1n }, maxStreamDuration: { seconds: 30n } };
    expect(decode({ commonHttpProtocolOptions: limits })).toMatchObject({ resource: { maxStreamDurationMs: 30_000 } });
    expect(decode({ commonHttpProtocolOptions: { idleTimeout: { seconds: 1n } } })).toEqual(decode({}));
  });

  it.for<{ name: string; httpFilters: Filter[] }>([
    { name: "fault before the router", httpFilters: [FAULT, ROUTER] },
    { name: "an optional one that is unknown", httpFilters: [{ ...UNKNOWN, isOptional: true }, ROUTER] },
  ])("accepts the http filters $name", ({ httpFilters }) => {
    expect(decode({ httpFilters })).toMatchObject({ kind: "ok" });
  });

  it.for<{ name: string; manager: Manager; message: string }>([
    { name: "no http filter", manager: { httpFilters: [] }, message: "router" },
    { name: "a router that is not last", manager: { httpFilters: [ROUTER, FAULT] }, message: "router" },
    { name: "a second router", manager: { httpFilters: [ROUTER, { ...ROUTER, name: "again" }] }, message: '"again"' },
    {
      name: "a filter that is unknown and not optional",
      manager: { httpFilters: [UNKNOWN, ROUTER] },
      message: '"other"',
    },
    {
      name: "two filters of one name",
      manager: { httpFilters: [FAULT, FAULT, ROUTER] },
      message: '"fault" comes twice',
    },
    {
      name: "scoped routes",
      manager: { routeSpecifier: { case: "scopedRoutes", value: {} } },
      message: "scopedRoutes",
    },
    { name: "no routes", manager: { routeSpecifier: { case: undefined } }, message: "route" },
    {
      name: "routes from elsewhere than ADS",
      manager: { routeSpecifier: { case: "rds", value: { routeConfigName: "r" } } },
      message: "rds",
    },
    {
      name: "routes without a name",
      manager: { routeSpecifier: { case: "rds", value: { configSource: ADS } } },
      message: "route_config_name",
    },
    {
      name: "a bad route within",
      manager: { routeSpecifier: { case: "routeConfig", value: { virtualHosts: [{ name: "h" }] } } },
      message: 'virtual host "h": no domains',
    },
  ])("refuses $name", ({ manager, message }) => {
    expect(decode(manager)).toEqual({ kind: "invalid", message: expect.stringContaining(message) });
  });

  it.for<{ name: string; bytes: Uint8Array }>([
    { name: "a listener for servers", bytes: anyOf(ListenerSchema, { name: "l" }).value },
    {
      name: "an api_listener of another type",
      bytes: anyOf(ListenerSchema, { name: "l", apiListener: { apiListener: anyOf(ClusterSchema, {}) } }).value,
    },
    { name: "bytes that are no listener", bytes: new Uint8Array([0x0a, 0xff]) },
  ])("refuses $name", ({ bytes }) => {
    expect(LISTENER.decode("l", bytes)).toEqual({ kind: "invalid", message: expect.stringMatching(/^listener "l": /) });
  });
});
