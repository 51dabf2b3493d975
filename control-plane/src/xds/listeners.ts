import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { type Listener, ListenerSchema } from "@meshwright/proto/envoy/config/listener/v3/listener_pb";
import { RouterSchema } from "@meshwright/proto/envoy/extensions/filters/http/router/v3/router_pb";
import { HttpConnectionManagerSchema } from "@meshwright/proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb";
import { expandHost, type HostDefaults, shortNames } from "../model/hosts.js";
import type { MeshModel } from "../model/mesh-model.js";
import { clusterName, parseListenerName } from "./names.js";

/**
 * The listener of a target `host:port`, as istiod's grpc generator makes it: an API listener whose name is the target
 * as it was asked for, even when its host is a short one.
 */
export function listener(model: MeshModel, name: string, defaults: HostDefaults): Listener | undefined {
  const target = parseListenerName(name);
  if (target === undefined) return undefined;
  const host = findHost(model, target.host, defaults);
  if (!model.services.get(host)?.ports.some(({ number }) => number === target.port)) return undefined;
  const manager = create(HttpConnectionManagerSchema, {
    httpFilters: [
      {
        name: "envoy.filters.http.router",
        configType: { case: "typedConfig", value: anyPack(RouterSchema, create(RouterSchema)) },
      },
    ],
    routeSpecifier: {
      case: "rds",
      value: {
        routeConfigName: clusterName({ port: target.port, subset: "", host }),
        configSource: { configSourceSpecifier: { case: "ads", value: {} } },
      },
    },
  });
  return create(ListenerSchema, { name, apiListener: { apiListener: anyPack(HttpConnectionManagerSchema, manager) } });
}

/** A client may leave out any part of a name that its own namespace and domain give (istiod's grpc generator). */
function findHost(model: MeshModel, spelled: string, defaults: HostDefaults): string {
  const host = expandHost(spelled, defaults);
  if (model.services.has(host)) return host;
  return [...model.services.keys()].find((known) => shortNames(known, defaults).includes(host)) ?? host;
}

/** Names of all listeners, for a client that asks for none by name. */
export function listenerNames(model: MeshModel): string[] {
  return [...model.services.values()].flatMap(({ host, ports }) => ports.map(({ number }) => `${host}:${number}`));
}
