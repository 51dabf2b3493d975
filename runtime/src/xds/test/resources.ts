import type { Any } from "@bufbuild/protobuf/wkt";
import { Cluster_DiscoveryType, ClusterSchema } from "@meshwright/proto/envoy/config/cluster/v3/cluster_pb";
import type { ConfigSourceSchema } from "@meshwright/proto/envoy/config/core/v3/config_source_pb";
import type { LbEndpointSchema } from "@meshwright/proto/envoy/config/endpoint/v3/endpoint_components_pb";
import { ClusterLoadAssignmentSchema } from "@meshwright/proto/envoy/config/endpoint/v3/endpoint_pb";
import { ListenerSchema } from "@meshwright/proto/envoy/config/listener/v3/listener_pb";
import type { VirtualHostSchema } from "@meshwright/proto/envoy/config/route/v3/route_components_pb";
import { RouteConfigurationSchema } from "@meshwright/proto/envoy/config/route/v3/route_pb";
import { RouterSchema } from "@meshwright/proto/envoy/extensions/filters/http/router/v3/router_pb";
import {
  HttpConnectionManagerSchema,
  type HttpFilterSchema,
} from "@meshwright/proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb";
import { anyOf, type Init, typeUrlOf } from "./scripted-ads.js";

export const LDS: string = typeUrlOf(ListenerSchema);
export const RDS: string = typeUrlOf(RouteConfigurationSchema);
export const CDS: string = typeUrlOf(ClusterSchema);
export const EDS: string = typeUrlOf(ClusterLoadAssignmentSchema);

/** The init value of an ADS config source. */
export const ADS: Init<typeof ConfigSourceSchema> = { configSourceSpecifier: { case: "ads", value: {} } };

/** The router as an http filter. */
export const ROUTER: Init<typeof HttpFilterSchema> = {
  name: "router",
  configType: { case: "typedConfig" as const, value: anyOf(RouterSchema, {}) },
};

/** A Listener for clients whose connection manager is `manager`, by default with a router. */
export function listenerWith(name: string, manager: Init<typeof HttpConnectionManagerSchema>): Any {
  const apiListener = anyOf(HttpConnectionManagerSchema, { httpFilters: [ROUTER], ...manager });
  return anyOf(ListenerSchema, { name, apiListener: { apiListener } });
}

/** A Listener that gets its routes by RDS. */
export function listener(name: string, routeConfigName: string): Any {
  return listenerWith(name, { routeSpecifier: { case: "rds", value: { configSource: ADS, routeConfigName } } });
}

/** A virtual host with one route per cluster. */
export function virtualHost(domain: string, ...clusters: readonly string[]): Init<typeof VirtualHostSchema> {
  return {
    name: domain,
    domains: [domain],
    routes: clusters.map((cluster) => ({
      match: { pathSpecifier: { case: "prefix" as const, value: `/${cluster}` } },
      action: {
        case: "route" as const,
        value: { clusterSpecifier: { case: "cluster" as const, value: cluster } },
      },
    })),
  };
}

/** A RouteConfiguration of those virtual hosts. */
export function routes(name: string, ...virtualHosts: readonly Init<typeof VirtualHostSchema>[]): Any {
  return anyOf(RouteConfigurationSchema, { name, virtualHosts: [...virtualHosts] });
}

/** A RouteConfiguration with one route per cluster for every target. */
export function routesTo(name: string, ...clusters: readonly string[]): Any {
  return routes(name, virtualHost("*", ...clusters));
}

/** An EDS cluster; the EDS resource has the cluster's name. */
export function cluster(name: string, more: Init<typeof ClusterSchema> = {}): Any {
  return anyOf(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: ADS },
    ...more,
  });
}

/** A cluster that is refused: it is not of type EDS. */
export function badCluster(name: string): Any {
  return cluster(name, { clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC } });
}

/** An endpoint. */
export function endpoint(address: string, port: number): Init<typeof LbEndpointSchema> {
  const socket = { address, portSpecifier: { case: "portValue" as const, value: port } };
  return {
    hostIdentifier: {
      case: "endpoint" as const,
      value: { address: { address: { case: "socketAddress" as const, value: socket } } },
    },
  };
}

/** One locality of weight 1 with an endpoint on each of the ports of 10.0.0.1. */
export function endpoints(clusterName: string, ...ports: readonly number[]): Any {
  const lbEndpoints = ports.map((port) => endpoint("10.0.0.1", port));
  return anyOf(ClusterLoadAssignmentSchema, { clusterName, endpoints: [{ loadBalancingWeight: 1, lbEndpoints }] });
}
