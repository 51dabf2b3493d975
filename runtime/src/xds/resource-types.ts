import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { ClusterSchema } from "@meshwright/proto/envoy/config/cluster/v3/cluster_pb";
import { ClusterLoadAssignmentSchema } from "@meshwright/proto/envoy/config/endpoint/v3/endpoint_pb";
import { ListenerSchema } from "@meshwright/proto/envoy/config/listener/v3/listener_pb";
import { RouteConfigurationSchema } from "@meshwright/proto/envoy/config/route/v3/route_pb";
import type { Cluster } from "../config/cluster.js";
import type { ClusterEndpoints } from "../config/endpoint.js";
import type { RouteConfig } from "../config/route.js";
import { decodeCluster } from "./resources/cluster.js";
import { type Decoded, decodeWith } from "./resources/decoded.js";
import { decodeEndpoints } from "./resources/endpoints.js";
import { type ApiListener, decodeListener } from "./resources/listener.js";
import { decodeRouteConfig } from "./resources/route-config.js";

/** One of the four kinds of resources that make a client's configuration. */
export interface ResourceType<T> {
  /** Short name for people. */
  readonly label: string;
  readonly typeUrl: string;
  /** A response holds every resource of this kind that was asked for: one that is missing was deleted. */
  readonly isComplete: boolean;
  decode(name: string, bytes: Uint8Array): Decoded<T>;
}

function resourceType<D extends DescMessage, T>(
  label: string,
  schema: D,
  isComplete: boolean,
  decode: (message: MessageShape<D>) => T,
): ResourceType<T> {
  return {
    label,
    typeUrl: `type.googleapis.com/${schema.typeName}`,
    isComplete,
    decode: (name, bytes) => decodeWith(`${label} "${name}"`, () => decode(fromBinary(schema, bytes))),
  };
}

export const LISTENER: ResourceType<ApiListener> = resourceType("listener", ListenerSchema, true, decodeListener);
export const ROUTES: ResourceType<RouteConfig> = resourceType(
  "route configuration",
  RouteConfigurationSchema,
  false,
  decodeRouteConfig,
);
export const CLUSTER: ResourceType<Cluster> = resourceType("cluster", ClusterSchema, true, decodeCluster);
export const ENDPOINTS: ResourceType<ClusterEndpoints> = resourceType(
  "endpoints",
  ClusterLoadAssignmentSchema,
  false,
  decodeEndpoints,
);

/** In the order in which requests are sent: what a route needs is asked for before what names it. */
export const RESOURCE_TYPES: readonly ResourceType<unknown>[] = [CLUSTER, ENDPOINTS, LISTENER, ROUTES];

/** The name of a resource: field 1 of all four messages, read without decoding the rest. */
export function peekName(bytes: Uint8Array): string | undefined {
  if (bytes[0] !== 0x0a) return undefined;
  let length = 0;
  let at = 1;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = bytes[at];
    if (byte === undefined) return undefined;
    at += 1;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80)
      return at + length <= bytes.byteLength ? new TextDecoder().decode(bytes.subarray(at, at + length)) : undefined;
  }
  return undefined;
}
