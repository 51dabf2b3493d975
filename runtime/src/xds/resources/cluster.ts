import type { Cluster as ProtoCluster } from "@meshwright/proto/envoy/config/cluster/v3/cluster_pb";
import { Cluster_DiscoveryType, Cluster_LbPolicy } from "@meshwright/proto/envoy/config/cluster/v3/cluster_pb";
import { RoutingPriority } from "@meshwright/proto/envoy/config/core/v3/base_pb";
import type { Cluster, LoadBalancerConfig } from "../../config/cluster.js";
import { checkAds } from "./config-source.js";
import { refuse } from "./decoded.js";
import { durationMs } from "./durations.js";
import { decodeLoadBalancingPolicy, leastRequest } from "./load-balancing-policy.js";

const RAW_BUFFER = "envoy.transport_sockets.raw_buffer";
// Envoy's defaults; gRFC A32 takes the first.
const DEFAULT_MAX_REQUESTS = 1024;
const DEFAULT_CONNECT_TIMEOUT_MS = 5_000;

/** Envoy `Cluster` of type EDS. */
export function decodeCluster(cluster: ProtoCluster): Cluster {
  const { name, clusterDiscoveryType: type, edsClusterConfig } = cluster;
  if (type.case !== "type" || type.value !== Cluster_DiscoveryType.EDS) {
    refuse(`discovery type ${type.case === "type" ? type.value : type.case} is not supported, expected EDS`);
  }
  // Dialled in plaintext it would be worse than not at all.
  if (cluster.transportSocket !== undefined && cluster.transportSocket.name !== RAW_BUFFER) {
    refuse(`transport socket "${cluster.transportSocket.name}": TLS to endpoints is not supported yet`);
  }
  checkAds(edsClusterConfig?.edsConfig, "eds_config");
  const serviceName = edsClusterConfig?.serviceName ?? "";
  return {
    name,
    edsServiceName: serviceName === "" ? name : serviceName,
    loadBalancer: decodeLoadBalancer(cluster),
    maxRequests: decodeMaxRequests(cluster),
    connectTimeoutMs:
      cluster.connectTimeout === undefined
        ? DEFAULT_CONNECT_TIMEOUT_MS
        : Math.max(1, durationMs(cluster.connectTimeout, "connect_timeout")),
  };
}

function decodeLoadBalancer(cluster: ProtoCluster): LoadBalancerConfig {
  // gRFC A52: the list counts, whatever lb_policy says beside it.
  if (cluster.loadBalancingPolicy !== undefined) return decodeLoadBalancingPolicy(cluster.loadBalancingPolicy);
  switch (cluster.lbPolicy) {
    case Cluster_LbPolicy.ROUND_ROBIN:
      return { kind: "round_robin" };
    case Cluster_LbPolicy.RANDOM:
      return { kind: "random" };
    case Cluster_LbPolicy.LEAST_REQUEST: {
      const config = cluster.lbConfig.case === "leastRequestLbConfig" ? cluster.lbConfig.value : undefined;
      return leastRequest(config?.choiceCount);
    }
    default:
      return refuse(`lb policy ${cluster.lbPolicy} is not supported, expected ROUND_ROBIN, LEAST_REQUEST or RANDOM`);
  }
}

function decodeMaxRequests({ circuitBreakers }: ProtoCluster): number {
  const threshold = circuitBreakers?.thresholds.find(({ priority }) => priority === RoutingPriority.DEFAULT);
  return threshold?.maxRequests ?? DEFAULT_MAX_REQUESTS;
}
