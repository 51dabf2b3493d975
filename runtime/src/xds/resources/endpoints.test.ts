import { HealthStatus } from "@meshwright/proto/envoy/config/core/v3/health_check_pb";
import type {
  LbEndpointSchema,
  LocalityLbEndpointsSchema,
} from "@meshwright/proto/envoy/config/endpoint/v3/endpoint_components_pb";
import { ClusterLoadAssignmentSchema } from "@meshwright/proto/envoy/config/endpoint/v3/endpoint_pb";
import { FractionalPercent_DenominatorType } from "@meshwright/proto/envoy/type/v3/percent_pb";
import { describe, expect, it } from "vitest";
import { ENDPOINTS } from "../resource-types.js";
import { endpoint } from "../test/resources.js";
import { anyOf, type Init } from "../test/scripted-ads.js";

type LocalityInit = Init<typeof LocalityLbEndpointsSchema>;
type EndpointInit = Init<typeof LbEndpointSchema>;

const decode = (fields: Init<typeof ClusterLoadAssignmentSchema>) =>
  ENDPOINTS.decode("e", anyOf(ClusterLoadAssignmentSchema, { clusterName: "e", ...fields }).value);
const locality = (zone: string, fields: LocalityInit = {}): LocalityInit => ({
  locality: { region: "r", zone, subZone: "" },
  loadBalancingWeight: 1,
  ...fields,
});
const inOne = (...lbEndpoints: readonly EndpointInit[]) => ({
  endpoints: [locality("a", { lbEndpoints: [...lbEndpoints] })],
});

describe("decodeEndpoints", () => {
  it("reads a whole assignment", () => {
    const result = decode({
      endpoints: [
        locality("b", { priority: 1 }),
        locality("a", {
          loadBalancingWeight: 3,
          lbEndpoints: [{ ...endpoint("10.0.0.1", 80), loadBalancingWeight: 7 }],
        }),
      ],
      policy: {
        dropOverloads: [
          {
            category: "throttle",
            dropPercentage: { numerator: 5, denominator: FractionalPercent_DenominatorType.TEN_THOUSAND },
          },
        ],
      },
    });
    const place = (zone: string) => ({ region: "r", zone, subZone: "" });
    expect(result).toEqual({
      kind: "ok",
      resource: {
        name: "e",
        priorities: [
          [
            {
              locality: place("a"),
              weight: 3,
              endpoints: [{ address: "10.0.0.1:80", host: "10.0.0.1", port: 80, weight: 7, health: "unknown" }],
            },
          ],
          [{ locality: place("b"), weight: 1, endpoints: [] }],
        ],
        drops: [{ category: "throttle", perMillion: 500 }],
      },
    });
  });

  it("puts an IPv6 host in brackets and gives weight 1 to an endpoint that says none", () => {
    expect(decode(inOne(endpoint("::1", 80)))).toMatchObject({
      resource: { priorities: [[{ endpoints: [{ address: "[::1]:80", host: "::1", weight: 1 }] }]] },
    });
  });

  it("leaves out localities without weight", () => {
    const result = decode({
      endpoints: [locality("a"), { locality: { zone: "b" }, lbEndpoints: [endpoint("10.0.0.2", 80)] }],
    });
    expect(result).toMatchObject({ resource: { priorities: [[{ locality: { zone: "a" } }]] } });
  });

  it("accepts no endpoints at all", () => {
    expect(decode({})).toMatchObject({ kind: "ok", resource: { priorities: [], drops: [] } });
  });

  it.for<[HealthStatus, string]>([
    [HealthStatus.UNKNOWN, "unknown"],
    [HealthStatus.HEALTHY, "healthy"],
    [HealthStatus.UNHEALTHY, "unhealthy"],
    [HealthStatus.DRAINING, "draining"],
    [HealthStatus.TIMEOUT, "unhealthy"],
    [HealthStatus.DEGRADED, "unhealthy"],
  ])("reads health status %i as %s", ([healthStatus, health]) => {
    expect(decode(inOne({ ...endpoint("10.0.0.1", 80), healthStatus }))).toMatchObject({
      resource: { priorities: [[{ endpoints: [{ health }] }]] },
    });
  });

  it.for<{ name: string; fields: Init<typeof ClusterLoadAssignmentSchema>; message: string }>([
    {
      name: "an address that comes twice",
      fields: inOne(endpoint("10.0.0.1", 80), endpoint("10.0.0.1", 80)),
      message: "10.0.0.1:80 comes twice",
    },
    {
      name: "a locality that comes twice in a priority",
      fields: { endpoints: [locality("a"), locality("a")] },
      message: "comes twice in priority 0",
    },
    {
      name: "a gap between priorities",
      fields: { endpoints: [locality("a"), locality("b", { priority: 2 })] },
      message: "priority 1 is missing",
    },
    {
      name: "priorities that do not start at 0",
      fields: { endpoints: [locality("a", { priority: 1 })] },
      message: "priority 0 is missing",
    },
    {
      name: "a priority that would fill the memory",
      fields: { endpoints: [locality("a", { priority: 4294967295 })] },
      message: "priority 4294967295",
    },
    {
      name: "locality weights beyond 2^32 - 1",
      fields: { endpoints: [locality("a", { loadBalancingWeight: 4294967295 }), locality("b")] },
      message: "4294967296",
    },
    {
      name: "an endpoint of weight 0",
      fields: inOne({ ...endpoint("10.0.0.1", 80), loadBalancingWeight: 0 }),
      message: "weight 0",
    },
    {
      name: "an address that is no socket",
      fields: inOne({
        hostIdentifier: { case: "endpoint", value: { address: { address: { case: "pipe", value: { path: "/x" } } } } },
      }),
      message: "socket address",
    },
    {
      name: "an endpoint by name",
      fields: inOne({ hostIdentifier: { case: "endpointName", value: "x" } }),
      message: "socket address",
    },
    {
      name: "a named port",
      fields: inOne({
        hostIdentifier: {
          case: "endpoint",
          value: {
            address: {
              address: {
                case: "socketAddress",
                value: { address: "h", portSpecifier: { case: "namedPort", value: "http" } },
              },
            },
          },
        },
      }),
      message: "named ports",
    },
    { name: "a port beyond 65535", fields: inOne(endpoint("10.0.0.1", 65_536)), message: "port 65536" },
  ])("refuses $name", ({ fields, message }) => {
    expect(decode(fields)).toEqual({ kind: "invalid", message: expect.stringContaining(message) });
  });
});
