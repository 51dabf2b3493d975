import { create } from "@bufbuild/protobuf";
import { HealthStatus } from "@meshwright/proto/envoy/config/core/v3/health_check_pb";
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from "@meshwright/proto/envoy/config/endpoint/v3/endpoint_pb";
import { type MeshModel, type ServicePort, subsetLabels, workloadsOf } from "../model/mesh-model.js";
import type { Workload } from "../model/workload.js";
import { parseClusterName } from "./names.js";

/** The endpoints of a cluster, by locality. */
export function endpoints(model: MeshModel, name: string): ClusterLoadAssignment | undefined {
  const target = parseClusterName(name);
  if (target === undefined) return undefined;
  const service = model.services.get(target.host);
  const port = service?.ports.find(({ number }) => number === target.port);
  const labels = subsetLabels(model.rules.get(target.host), target.subset);
  if (service === undefined || port === undefined || labels === undefined) return undefined;
  const byLocality = new Map<string, Workload[]>();
  const seen = new Set<string>();
  for (const workload of workloadsOf(service, labels)) {
    // The same address twice would be refused by every client.
    const address = `${workload.address}:${workload.portFor(port.name, port.targetPort)}`;
    if (seen.has(address)) continue;
    seen.add(address);
    const { region, zone, subZone } = workload.locality;
    const key = JSON.stringify([region, zone, subZone]);
    byLocality.set(key, [...(byLocality.get(key) ?? []), workload]);
  }
  return create(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: [...byLocality].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, workloads]) => locality(workloads, port)),
  });
}

function locality(workloads: readonly Workload[], port: ServicePort) {
  const sorted = [...workloads].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    locality: { ...(sorted[0]?.locality ?? { region: "", zone: "", subZone: "" }) },
    loadBalancingWeight: sorted.reduce((sum, { weight }) => sum + weight, 0),
    lbEndpoints: sorted.map((workload) => ({
      hostIdentifier: {
        case: "endpoint" as const,
        value: {
          address: {
            address: {
              case: "socketAddress" as const,
              value: {
                address: workload.address,
                portSpecifier: { case: "portValue" as const, value: workload.portFor(port.name, port.targetPort) },
              },
            },
          },
        },
      },
      healthStatus: workload.isDraining ? HealthStatus.DRAINING : HealthStatus.HEALTHY,
      loadBalancingWeight: workload.weight,
      metadata: {
        filterMetadata: { istio: { workload: `${workload.name};${workload.namespace};;;` } },
      },
    })),
  };
}
