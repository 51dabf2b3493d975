import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Cluster_LbPolicy, ClusterSchema } from "@meshwright/proto/envoy/config/cluster/v3/cluster_pb";
import { ClusterLoadAssignmentSchema } from "@meshwright/proto/envoy/config/endpoint/v3/endpoint_pb";
import { ListenerSchema } from "@meshwright/proto/envoy/config/listener/v3/listener_pb";
import { RouteConfigurationSchema } from "@meshwright/proto/envoy/config/route/v3/route_pb";
import { HttpConnectionManagerSchema } from "@meshwright/proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb";
import { describe, expect, it } from "vitest";
import { DEFAULTS, GREETER, modelOf, virtualService } from "../../test/support.js";
import type { MeshModel } from "../model/mesh-model.js";
import { servedTypes } from "./resource-source.js";

const [clusters, endpoints, listeners, routes] = servedTypes(DEFAULTS);

function routesOf(http: string) {
  const model = modelOf(`${GREETER}---\n${virtualService(http)}`);
  const bytes = routes?.resource(model, "outbound|80||greeter.mesh");
  return fromBinary(RouteConfigurationSchema, bytes ?? new Uint8Array()).virtualHosts[0];
}

function clusterOf(model: MeshModel, subset = "") {
  return fromBinary(ClusterSchema, clusters?.resource(model, `outbound|80|${subset}|greeter.mesh`) ?? new Uint8Array());
}

const TO_V1 = "      route: [{destination: {host: greeter.mesh, subset: v1}}]\n";

describe("resources, named and shaped as istiod's grpc generator makes them", () => {
  it("have a listener whose name is the target as it was asked for", () => {
    const model = modelOf(GREETER.replaceAll("greeter.mesh", "greeter"));
    for (const host of ["greeter", "greeter.default", "greeter.default.svc", "greeter.default.svc.cluster.local"]) {
      const name = `${host}:80`;
      const listener = fromBinary(ListenerSchema, listeners?.resource(model, name) ?? new Uint8Array());
      expect(listener.name).toBe(name);
      const any = listener.apiListener?.apiListener;
      const manager = any && anyUnpack(any, HttpConnectionManagerSchema);
      expect(manager?.routeSpecifier).toMatchObject({
        case: "rds",
        value: { routeConfigName: "outbound|80||greeter.default.svc.cluster.local" },
      });
      expect(manager?.httpFilters.map((filter) => filter.name)).toEqual(["envoy.filters.http.router"]);
    }
    expect(listeners?.resource(model, "greeter:81")).toBeUndefined();
    expect(listeners?.resource(model, "other:80")).toBeUndefined();
  });

  it("retry twice on other hosts unless the VirtualService says otherwise", () => {
    const policyOf = (retries: string) => {
      const action = routesOf(`    - name: x\n${retries}${TO_V1}`)?.routes[0]?.action;
      return action?.case === "route" ? action.value.retryPolicy : undefined;
    };
    expect(policyOf("")).toMatchObject({
      retryOn: "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
      numRetries: 2,
      retryHostPredicate: [{ name: "envoy.retry_host_predicates.previous_hosts" }],
      hostSelectionRetryMaxAttempts: 5n,
    });
    expect(policyOf("      retries: {attempts: 0}\n")).toBeUndefined();
    const own = policyOf("      retries: {attempts: 4, perTryTimeout: 1s, retryOn: internal}\n");
    expect(own).toMatchObject({ retryOn: "internal", numRetries: 4, perTryTimeout: { seconds: 1n } });
  });

  it("carry matches, weights, timeout, name and provenance of a route", () => {
    const host = routesOf(
      `    - name: split
      match:
        - {uri: {prefix: /a.B/}, headers: {user: {exact: admin}, any: {}}, withoutHeaders: {x: {regex: "a|b"}}, ignoreUriCase: true}
      timeout: 2s
      route:
        - {destination: {host: greeter.mesh, subset: v1}, weight: 90}
        - {destination: {host: greeter.mesh, subset: v2}, weight: 10}
`,
    );
    expect(host?.domains).toEqual(["greeter.mesh", "greeter.mesh:80"]);
    expect(host?.routes).toMatchObject([
      {
        name: "split",
        match: {
          pathSpecifier: { case: "prefix", value: "/a.B/" },
          caseSensitive: false,
          headers: [
            { name: "user", headerMatchSpecifier: { case: "stringMatch" } },
            { name: "any", headerMatchSpecifier: { case: "presentMatch", value: true } },
            { name: "x", invertMatch: true, treatMissingHeaderAsEmpty: true },
          ],
        },
        action: {
          case: "route",
          value: {
            clusterSpecifier: {
              case: "weightedClusters",
              value: {
                clusters: [
                  { name: "outbound|80|v1|greeter.mesh", weight: 90 },
                  { name: "outbound|80|v2|greeter.mesh", weight: 10 },
                ],
              },
            },
            maxStreamDuration: { maxStreamDuration: { seconds: 2n }, grpcTimeoutHeaderMax: { seconds: 2n } },
          },
        },
        metadata: {
          filterMetadata: {
            istio: { config: "/apis/networking.istio.io/v1alpha3/namespaces/default/virtual-service/greeter" },
          },
        },
      },
    ]);
  });

  it("have EDS clusters with the policy of the subset before that of the rule", () => {
    const rule =
      "  trafficPolicy: {loadBalancer: {simple: LEAST_REQUEST}, connectionPool: {http: {http2MaxRequests: 7}}}\n  subsets:";
    const model = modelOf(
      GREETER.replace("  subsets:", rule)
        .replace("labels: {version: v2}}\n---", "labels: {version: v2}}\n---")
        .replace(
          "{name: v2, labels: {version: v2}}",
          "{name: v2, labels: {version: v2}, trafficPolicy: {loadBalancer: {simple: RANDOM}}}",
        ),
    );
    expect(clusterOf(model).lbPolicy).toBe(Cluster_LbPolicy.LEAST_REQUEST);
    expect(clusterOf(model, "v2").lbPolicy).toBe(Cluster_LbPolicy.RANDOM);
    expect(clusterOf(model, "v2").circuitBreakers?.thresholds[0]?.maxRequests).toBe(7);
    expect(clusterOf(modelOf(GREETER), "v1")).toMatchObject({
      lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
      edsClusterConfig: { serviceName: "outbound|80|v1|greeter.mesh" },
    });
    expect(clusters?.resource(model, "outbound|80|v9|greeter.mesh")).toBeUndefined();
  });

  it("have endpoints by subset and locality, with port, weight and workload", () => {
    const read = (name: string) =>
      fromBinary(ClusterLoadAssignmentSchema, endpoints?.resource(modelOf(GREETER), name) ?? new Uint8Array());
    expect(read("outbound|80||greeter.mesh").endpoints).toHaveLength(2);
    expect(read("outbound|80|v1|greeter.mesh").endpoints).toMatchObject([
      {
        locality: { region: "eu", zone: "a", subZone: "1" },
        loadBalancingWeight: 3,
        lbEndpoints: [
          {
            hostIdentifier: {
              value: { address: { address: { value: { address: "10.0.0.1", portSpecifier: { value: 8080 } } } } },
            },
            loadBalancingWeight: 3,
            metadata: { filterMetadata: { istio: { workload: "greeter-0;default;;;" } } },
          },
        ],
      },
    ]);
  });
});
