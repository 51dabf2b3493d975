import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { Listener } from "@meshwright/proto/envoy/config/listener/v3/listener_pb";
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
} from "@meshwright/proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb";
import type { RouteConfig } from "../../config/route.js";
import { checkAds } from "./config-source.js";
import { refuse } from "./decoded.js";
import { boundMs } from "./durations.js";
import { decodeRouteConfig } from "./route-config.js";

/** The client side of an Envoy `Listener`: where the routes of a target are. */
export interface ApiListener {
  readonly routes:
    | { readonly kind: "rds"; readonly name: string }
    | { readonly kind: "inline"; readonly config: RouteConfig };
  /** Default bound of a call in milliseconds. Absent: none. */
  readonly maxStreamDurationMs?: number;
}

const ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
// Known filters beside the router. Faults are accepted and not acted upon yet.
const KNOWN_FILTERS: ReadonlySet<string> = new Set([
  ROUTER,
  "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
]);

/** Envoy `Listener` with an `api_listener`. */
export function decodeListener({ apiListener }: Listener): ApiListener {
  const any = apiListener?.apiListener;
  if (any === undefined) return refuse("no api_listener: the listener is not for clients");
  const manager = anyUnpack(any, HttpConnectionManagerSchema);
  if (manager === undefined) return refuse(`api_listener is ${any.typeUrl}, expected HttpConnectionManager`);
  checkFilters(manager);
  const maxStreamDurationMs = boundMs(manager.commonHttpProtocolOptions?.maxStreamDuration, "max_stream_duration");
  return {
    routes: decodeRoutes(manager),
    ...(maxStreamDurationMs === undefined ? {} : { maxStreamDurationMs }),
  };
}

function decodeRoutes({ routeSpecifier }: HttpConnectionManager): ApiListener["routes"] {
  switch (routeSpecifier.case) {
    case "rds":
      checkAds(routeSpecifier.value.configSource, "rds");
      if (routeSpecifier.value.routeConfigName === "") refuse("rds: route_config_name is empty");
      return { kind: "rds", name: routeSpecifier.value.routeConfigName };
    case "routeConfig":
      return { kind: "inline", config: decodeRouteConfig(routeSpecifier.value) };
    default:
      return refuse(`route specifier "${routeSpecifier.case}" is not supported, expected rds or route_config`);
  }
}

/** gRFC A39: filters that we don't know are refused unless they are optional, and the router comes last. */
function checkFilters({ httpFilters }: HttpConnectionManager): void {
  const names = new Set<string>();
  let last: string | undefined;
  for (const { name, isOptional, configType } of httpFilters) {
    if (names.has(name)) refuse(`http filter "${name}" comes twice`);
    names.add(name);
    const typeUrl = configType.case === "typedConfig" ? configType.value.typeUrl : undefined;
    if (typeUrl !== undefined && KNOWN_FILTERS.has(typeUrl)) {
      if (last === ROUTER) refuse(`http filter "${name}" follows the router, which must be last`);
      last = typeUrl;
      continue;
    }
    if (!isOptional) refuse(`http filter "${name}" of type ${typeUrl ?? "unknown"} is not supported and not optional`);
  }
  if (last !== ROUTER) refuse("the last http filter must be the router");
}
