/** The embedded control plane: Istio YAML in, xDS out. */
export type { ClientStatus } from "./ads/ads-service.js";
export type { TypeStatus } from "./ads/session.js";
export {
  ConfigError,
  type ControlPlane,
  type ControlPlaneOptions,
  type ControlPlaneStatus,
  createControlPlane,
} from "./control-plane.js";
export type { ControlPlaneEvent } from "./events.js";
export type { Problem } from "./yaml/istio-object.js";
