import type { DestinationRule, TrafficPolicy } from "@meshwright/proto/istio/networking/v1alpha3/destination_rule_pb";
import type { HTTPRoute, VirtualService } from "@meshwright/proto/istio/networking/v1alpha3/virtual_service_pb";
import { matchesLabels, type Workload } from "./workload.js";

/** One port of a service. */
export interface ServicePort {
  readonly number: number;
  readonly name: string;
  /** Port of the workloads, unless they say otherwise. */
  readonly targetPort: number;
}

/** A host of the mesh with what serves it. */
export interface Service {
  readonly host: string;
  readonly namespace: string;
  readonly ports: readonly ServicePort[];
  readonly workloads: readonly Workload[];
}

/** A VirtualService for one host. */
export interface HostRoutes {
  readonly name: string;
  readonly namespace: string;
  readonly spec: VirtualService;
  /** The routes that apply inside the mesh. */
  readonly http: readonly HTTPRoute[];
}

/** What configuration and registrations amount to. Immutable; a change makes a new one. */
export interface MeshModel {
  readonly services: ReadonlyMap<string, Service>;
  readonly routes: ReadonlyMap<string, HostRoutes>;
  readonly rules: ReadonlyMap<string, DestinationRule>;
}

/** An empty mesh. */
export const EMPTY_MODEL: MeshModel = { services: new Map(), routes: new Map(), rules: new Map() };

/** Labels of a subset; undefined when the rule has no such subset, and no labels for the empty name. */
export function subsetLabels(
  rule: DestinationRule | undefined,
  subset: string,
): Readonly<Record<string, string>> | undefined {
  return subset === "" ? {} : rule?.subsets.find(({ name }) => name === subset)?.labels;
}

/** The workloads of a service that belong to a subset. */
export function workloadsOf(service: Service, labels: Readonly<Record<string, string>>): Workload[] {
  return service.workloads.filter((workload) => matchesLabels(workload.labels, labels));
}

/** The traffic policies that apply, the most specific first: of the subset's port, the subset, the port, the rule. */
export function policiesOf(rule: DestinationRule | undefined, subset: string, port: number): PolicyPart[] {
  const policies = [
    rule?.subsets.find(({ name }) => name === subset && name !== "")?.trafficPolicy,
    rule?.trafficPolicy,
  ];
  return policies.flatMap((policy) => {
    if (policy === undefined) return [];
    const ofPort = policy.portLevelSettings.find((settings) => settings.port?.number === port);
    return ofPort === undefined ? [policy] : [ofPort, policy];
  });
}

/** What a traffic policy and its port-level settings have in common. */
export type PolicyPart = Pick<TrafficPolicy, "loadBalancer" | "connectionPool">;
