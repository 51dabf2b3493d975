import type { Any } from "@bufbuild/protobuf/wkt";
import {
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  type ClusterSchema,
} from "@meshwright/proto/envoy/config/cluster/v3/cluster_pb";
import { RoutingPriority } from "@meshwright/proto/envoy/config/core/v3/base_pb";
import { RouterSchema } from "@meshwright/proto/envoy/extensions/filters/http/router/v3/router_pb";
import { LeastRequestSchema } from "@meshwright/proto/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb";
import { PickFirstSchema } from "@meshwright/proto/envoy/extensions/load_balancing_policies/pick_first/v3/pick_first_pb";
import { describe, expect, it } from "vitest";
import type { LoadBalancerConfig } from "../../config/cluster.js";
import { CLUSTER } from "../resource-types.js";
import { ADS, cluster } from "../test/resources.js";
import { anyOf, type Init } from "../test/scripted-ads.js";

type Fields = Init<typeof ClusterSchema>;

const decode = (fields: Fields) => CLUSTER.decode("c", cluster("c", fields).value);
const policies = (...configs: readonly Any[]): Fields => ({
  lbPolicy: Cluster_LbPolicy.RING_HASH,
  loadBalancingPolicy: {
    policies: configs.map((typedConfig) => ({ typedExtensionConfig: { name: "policy", typedConfig } })),
  },
});
const unknownPolicy = anyOf(RouterSchema, {});

describe("decodeCluster", () => {
  it("gives Envoy's defaults to what is not said", () => {
    expect(decode({})).toEqual({
      kind: "ok",
      resource: {
        name: "c",
        edsServiceName: "c",
        loadBalancer: { kind: "round_robin" },
        maxRequests: 1024,
        connectTimeoutMs: 5_000,
      },
    });
  });

  it("takes the service name, the connect timeout and the breaker of the default priority", () => {
    const result = decode({
      edsClusterConfig: { edsConfig: { configSourceSpecifier: { case: "self", value: {} } }, serviceName: "service" },
      connectTimeout: { nanos: 250_000_000 },
      circuitBreakers: {
        thresholds: [
          { priority: RoutingPriority.HIGH, maxRequests: 1 },
          { priority: RoutingPriority.DEFAULT, maxRequests: 7 },
        ],
      },
    });
    expect(result).toMatchObject({
      resource: { edsServiceName: "service", connectTimeoutMs: 250, maxRequests: 7 },
    });
  });

  // grpc-js-xds refused LEAST_REQUEST, which istiod sends by default.
  it.for<{ name: string; fields: Fields; expected: LoadBalancerConfig }>([
    {
      name: "LEAST_REQUEST",
      fields: { lbPolicy: Cluster_LbPolicy.LEAST_REQUEST },
      expected: { kind: "least_request", choiceCount: 2 },
    },
    {
      name: "LEAST_REQUEST of more than ten choices",
      fields: {
        lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
        lbConfig: { case: "leastRequestLbConfig", value: { choiceCount: 50 } },
      },
      expected: { kind: "least_request", choiceCount: 10 },
    },
    { name: "RANDOM", fields: { lbPolicy: Cluster_LbPolicy.RANDOM }, expected: { kind: "random" } },
    {
      name: "the first supported policy of a list, over lb_policy",
      fields: policies(
        unknownPolicy,
        anyOf(PickFirstSchema, { shuffleAddressList: true }),
        anyOf(LeastRequestSchema, {}),
      ),
      expected: { kind: "pick_first", shuffle: true },
    },
    {
      name: "least_request of a list",
      fields: policies(anyOf(LeastRequestSchema, { choiceCount: 3 })),
      expected: { kind: "least_request", choiceCount: 3 },
    },
  ])("balances by $name", ({ fields, expected }) => {
    expect(decode(fields)).toMatchObject({ kind: "ok", resource: { loadBalancer: expected } });
  });

  it.for<{ name: string; fields: Fields; message: string }>([
    {
      name: "another discovery type",
      fields: { clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STRICT_DNS } },
      message: "EDS",
    },
    { name: "no config source", fields: { edsClusterConfig: {} }, message: "eds_config" },
    {
      name: "a config source other than ADS",
      fields: { edsClusterConfig: { edsConfig: { configSourceSpecifier: { case: "path", value: "/x" } } } },
      message: "expected ads or self",
    },
    { name: "a policy we don't have", fields: { lbPolicy: Cluster_LbPolicy.MAGLEV }, message: "lb policy 5" },
    { name: "a list without a policy of ours", fields: policies(unknownPolicy), message: "Router" },
    { name: "an empty list", fields: policies(), message: "load_balancing_policy" },
    {
      name: "one choice",
      fields: {
        lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
        lbConfig: { case: "leastRequestLbConfig", value: { choiceCount: 1 } },
      },
      message: "choice_count 1 must be >= 2",
    },
    {
      name: "a negative connect timeout",
      fields: { edsClusterConfig: { edsConfig: ADS }, connectTimeout: { seconds: -1n } },
      message: "connect_timeout",
    },
  ])("refuses $name", ({ fields, message }) => {
    const result = decode(fields);
    expect(result).toEqual({ kind: "invalid", message: expect.stringContaining(message) });
    expect(result).toEqual({ kind: "invalid", message: expect.stringMatching(/^cluster "c": /) });
  });

  it("refuses a cluster that wants TLS instead of dialling it in plaintext", () => {
    expect(decode({ transportSocket: { name: "envoy.transport_sockets.tls" } })).toMatchObject({
      kind: "invalid",
      message: expect.stringContaining(
        'transport socket "envoy.transport_sockets.tls": TLS to endpoints is not supported yet',
      ),
    });
    expect(decode({ transportSocket: { name: "envoy.transport_sockets.raw_buffer" } }).kind).toBe("ok");
  });
});
