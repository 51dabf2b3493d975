import type { Problem } from "./yaml/istio-object.js";

/** What happens in a control plane. */
export type ControlPlaneEvent =
  /** A configuration is in force; `warnings` tell what of it has no effect. */
  | {
      readonly kind: "applied";
      readonly generation: string;
      readonly objects: number;
      readonly warnings: readonly Problem[];
    }
  /** A configuration was refused; the last good one stays in force. */
  | { readonly kind: "rejected"; readonly errors: readonly Problem[] }
  | {
      readonly kind: "registered";
      readonly name: string;
      readonly address: string;
      readonly interfaces: readonly string[];
    }
  | { readonly kind: "unregistered"; readonly name: string; readonly reason: string }
  | { readonly kind: "connected"; readonly nodeId: string }
  | { readonly kind: "disconnected"; readonly nodeId: string }
  /** A client refused a response and goes on with what it had. */
  | { readonly kind: "nacked"; readonly nodeId: string; readonly type: string; readonly message: string };
