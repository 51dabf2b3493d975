import { HealthStatus } from "@meshwright/proto/envoy/config/core/v3/health_check_pb";
import type {
  LbEndpoint,
  LocalityLbEndpoints,
} from "@meshwright/proto/envoy/config/endpoint/v3/endpoint_components_pb";
import type { ClusterLoadAssignment } from "@meshwright/proto/envoy/config/endpoint/v3/endpoint_pb";
import { formatAddress } from "../../base/network.js";
import type { ClusterEndpoints, Endpoint, EndpointHealth, LocalityEndpoints } from "../../config/endpoint.js";
import { refuse } from "./decoded.js";
import { perMillion } from "./fractions.js";

const LARGEST_WEIGHT_SUM = 2 ** 32 - 1;
const LARGEST_PORT = 65_535;

/** Envoy `ClusterLoadAssignment` by the rules of gRFC A27. */
export function decodeEndpoints(assignment: ClusterLoadAssignment): ClusterEndpoints {
  const priorities: LocalityEndpoints[][] = [];
  const addresses = new Set<string>();
  const localities = new Set<string>();
  for (const locality of assignment.endpoints) {
    // A locality without weight gets no load.
    const weight = locality.loadBalancingWeight ?? 0;
    if (weight === 0) continue;
    const decoded = decodeLocality(locality, weight, addresses);
    const key = JSON.stringify([decoded.locality, locality.priority]);
    if (localities.has(key))
      refuse(`locality ${JSON.stringify(decoded.locality)} comes twice in priority ${locality.priority}`);
    localities.add(key);
    // Priorities may come in any order, but not with gaps; a bound keeps a wild number from growing the list.
    if (locality.priority > assignment.endpoints.length)
      refuse(`priority ${locality.priority}: priorities must have no gap`);
    while (priorities.length <= locality.priority) priorities.push([]);
    priorities[locality.priority]?.push(decoded);
  }
  for (const [priority, members] of priorities.entries()) {
    if (members.length === 0) refuse(`priority ${priority} is missing: priorities must have no gap`);
    const sum = members.reduce((total, { weight }) => total + weight, 0);
    if (sum > LARGEST_WEIGHT_SUM) refuse(`priority ${priority}: sum of the locality weights ${sum} is above 2^32-1`);
  }
  const drops = (assignment.policy?.dropOverloads ?? []).map(({ category, dropPercentage }) => ({
    category,
    perMillion: dropPercentage === undefined ? 0 : perMillion(dropPercentage),
  }));
  return { name: assignment.clusterName, priorities, drops };
}

function decodeLocality(locality: LocalityLbEndpoints, weight: number, addresses: Set<string>): LocalityEndpoints {
  const { region = "", zone = "", subZone = "" } = locality.locality ?? {};
  return {
    locality: { region, zone, subZone },
    weight,
    endpoints: locality.lbEndpoints.map((endpoint) => decodeEndpoint(endpoint, addresses)),
  };
}

function decodeEndpoint(
  { hostIdentifier, healthStatus, loadBalancingWeight }: LbEndpoint,
  addresses: Set<string>,
): Endpoint {
  const socket = hostIdentifier.case === "endpoint" ? hostIdentifier.value.address?.address : undefined;
  if (socket?.case !== "socketAddress") return refuse("endpoint without a socket address");
  const { address: host, portSpecifier } = socket.value;
  if (portSpecifier.case !== "portValue") return refuse(`endpoint ${host}: named ports are not supported`);
  const port = portSpecifier.value;
  if (port > LARGEST_PORT) refuse(`endpoint ${host}: port ${port} is above ${LARGEST_PORT}`);
  const address = formatAddress({ kind: "tcp", host, port });
  if (addresses.has(address)) refuse(`endpoint ${address} comes twice`);
  addresses.add(address);
  const weight = loadBalancingWeight ?? 1;
  if (weight === 0) refuse(`endpoint ${address}: weight 0 must be >= 1`);
  return { address, host, port, weight, health: decodeHealth(healthStatus) };
}

function decodeHealth(status: HealthStatus): EndpointHealth {
  switch (status) {
    case HealthStatus.UNKNOWN:
      return "unknown";
    case HealthStatus.HEALTHY:
      return "healthy";
    case HealthStatus.DRAINING:
      return "draining";
    default:
      return "unhealthy";
  }
}
