import { create } from "@bufbuild/protobuf";
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  ClusterSchema,
} from "@meshwright/proto/envoy/config/cluster/v3/cluster_pb";
import { LoadBalancerSettings_SimpleLB as SimpleLB } from "@meshwright/proto/istio/networking/v1alpha3/destination_rule_pb";
import { type MeshModel, policiesOf, subsetLabels } from "../model/mesh-model.js";
import { clusterName, parseClusterName } from "./names.js";

/** The cluster of a host's port and subset. Its endpoints have the same name. */
export function cluster(model: MeshModel, name: string): Cluster | undefined {
  const target = parseClusterName(name);
  if (target === undefined) return undefined;
  const service = model.services.get(target.host);
  const rule = model.rules.get(target.host);
  if (!service?.ports.some(({ number }) => number === target.port)) return undefined;
  if (subsetLabels(rule, target.subset) === undefined) return undefined;
  const policies = policiesOf(rule, target.subset, target.port);
  const simple = policies.find(({ loadBalancer }) => loadBalancer !== undefined)?.loadBalancer?.simple;
  const tcp = policies.find(({ connectionPool }) => connectionPool?.tcp?.connectTimeout !== undefined);
  const http = policies.find(({ connectionPool }) => (connectionPool?.http?.http2MaxRequests ?? 0) > 0);
  const connectTimeout = tcp?.connectionPool?.tcp?.connectTimeout;
  const maxRequests = http?.connectionPool?.http?.http2MaxRequests;
  return create(ClusterSchema, {
    name: clusterName(target),
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: {
      serviceName: clusterName(target),
      edsConfig: { configSourceSpecifier: { case: "ads", value: {} } },
    },
    lbPolicy: lbPolicy(simple),
    ...(connectTimeout === undefined ? {} : { connectTimeout }),
    ...(maxRequests === undefined ? {} : { circuitBreakers: { thresholds: [{ maxRequests }] } }),
  });
}

/** istiod's grpc generator falls back to round robin; its sidecar generator would to least request. */
function lbPolicy(simple: SimpleLB | undefined): Cluster_LbPolicy {
  switch (simple) {
    case SimpleLB.LEAST_CONN:
    case SimpleLB.LEAST_REQUEST:
      return Cluster_LbPolicy.LEAST_REQUEST;
    case SimpleLB.RANDOM:
      return Cluster_LbPolicy.RANDOM;
    default:
      return Cluster_LbPolicy.ROUND_ROBIN;
  }
}
