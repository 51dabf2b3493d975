import { type DescMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { ClusterSchema } from "@meshwright/proto/envoy/config/cluster/v3/cluster_pb";
import { ClusterLoadAssignmentSchema } from "@meshwright/proto/envoy/config/endpoint/v3/endpoint_pb";
import { ListenerSchema } from "@meshwright/proto/envoy/config/listener/v3/listener_pb";
import { RouteConfigurationSchema } from "@meshwright/proto/envoy/config/route/v3/route_pb";
import type { HostDefaults } from "../model/hosts.js";
import type { MeshModel } from "../model/mesh-model.js";
import { cluster } from "./clusters.js";
import { endpoints } from "./endpoints.js";
import { listener, listenerNames } from "./listeners.js";
import { routeConfiguration } from "./routes.js";

/** One type of resource that clients may ask for. */
export interface ServedType {
  readonly typeUrl: string;
  /** Short name for people. */
  readonly label: string;
  /** A response names every resource that was asked for: what is missing does not exist. */
  readonly isComplete: boolean;
  /** The serialized resource of this name, or undefined when the mesh has none. */
  resource(model: MeshModel, name: string): Uint8Array | undefined;
  /** What a client gets that names nothing; undefined when that asks for nothing. */
  allNames?(model: MeshModel): string[];
}

/** The types, in the order in which changes are sent: what routes need comes before the routes (make before break). */
export function servedTypes(defaults: HostDefaults): readonly ServedType[] {
  return [
    served("cluster", ClusterSchema, true, cluster),
    served("endpoints", ClusterLoadAssignmentSchema, false, endpoints),
    {
      ...served("listener", ListenerSchema, true, (model, name) => listener(model, name, defaults)),
      allNames: listenerNames,
    },
    served("routes", RouteConfigurationSchema, false, (model, name) => routeConfiguration(model, name, defaults)),
  ];
}

function served<D extends DescMessage, M extends Message>(
  label: string,
  schema: D,
  isComplete: boolean,
  make: (model: MeshModel, name: string) => M | undefined,
): ServedType {
  // Most clients ask for the same resources: each is made once per model.
  let cachedModel: MeshModel | undefined;
  let cache = new Map<string, Uint8Array | undefined>();
  return {
    typeUrl: `type.googleapis.com/${schema.typeName}`,
    label,
    isComplete,
    resource(model, name) {
      if (model !== cachedModel) {
        cachedModel = model;
        cache = new Map();
      }
      if (!cache.has(name)) {
        const message = make(model, name);
        // The functions above make messages of this very schema.
        cache.set(name, message === undefined ? undefined : toBinary(schema, message as never));
      }
      return cache.get(name);
    },
  };
}
