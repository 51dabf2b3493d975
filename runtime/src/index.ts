/** Meshwright: typed RPC in an Istio mesh without a sidecar. */
export { type Clock, systemClock, type Timer } from "./base/clock.js";
export type { CertificateName, ClientTls, PeerIdentity, ServerTls, TlsVersion } from "./base/tls.js";
export type { CallDecision } from "./client/call-decision.js";
export type {
  ClientMesh,
  MeshMethod,
  MeshMethods,
  MeshService,
  MethodKind,
  ServiceRegistration,
} from "./codegenv1/types.js";
export type { Cluster, LoadBalancerConfig } from "./config/cluster.js";
export type {
  ClusterEndpoints,
  DropOverload,
  Endpoint,
  EndpointHealth,
  Locality,
  LocalityEndpoints,
} from "./config/endpoint.js";
export type {
  ForwardAction,
  HeaderMatcher,
  HeaderTest,
  PathMatcher,
  RetryCondition,
  RetryPolicy,
  Route,
  RouteAction,
  RouteMatch,
  VirtualHost,
  WeightedCluster,
} from "./config/route.js";
export type { StringMatcher } from "./config/string-matcher.js";
export type { ClusterConfig, XdsConfig } from "./config/xds-config.js";
export type { Http2Options } from "./http2/types.js";
export { callDecision } from "./mesh/decision.js";
export { createGrpcTransport, type GrpcTransport, type GrpcTransportOptions } from "./mesh/grpc-transport.js";
export { createMesh, type Mesh } from "./mesh/mesh.js";
export { describeService } from "./mesh/methods.js";
export type { MeshEvent, MeshOptions, MeshServer, RegistrationOptions, ServeOptions } from "./mesh/options.js";
export { createServer, type Server, type ServerOptions } from "./mesh/server.js";
export type { ClusterStatus, MeshStatus, TargetStatus } from "./mesh/status.js";
export { INTERFACE_DOMAIN, INTERFACE_PORT, interfaceHostName } from "./registry/interface-host.js";
export { CONNECTION_ERROR_CHANNEL, type ConnectionErrorMessage } from "./telemetry/connection-reporter.js";
export { LIMIT_CHANNEL, type LimitMessage } from "./telemetry/limit-reporter.js";
export type { XdsResourceStatus } from "./xds/client.js";
