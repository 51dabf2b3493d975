import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createHarness, type Harness } from "./test/harness.js";
import { badCluster, CDS, cluster, EDS, endpoints, LDS, listener, RDS, routesTo } from "./test/resources.js";

let mesh: Harness;

beforeEach(() => {
  mesh = createHarness();
});

afterEach(() => {
  mesh.client.close();
  expect(mesh.clock.pendingTimers, "timers left after close").toBe(0);
});

/** Opens the stream for `target` and answers until its clusters are asked for. */
async function reachClusters(target: string, ...clusters: readonly string[]) {
  const watch = mesh.watch(target);
  await mesh.settle();
  mesh.ads.stream.accept();
  mesh.ads.stream.respond(LDS, "1", "l1", [listener(target, "routes")]);
  await mesh.settle();
  mesh.ads.stream.respond(RDS, "1", "r1", [routesTo("routes", ...clusters)]);
  await mesh.settle();
  mesh.ads.stream.take();
  return watch;
}

const brief = ({
  typeUrl,
  resourceNames,
  versionInfo,
  responseNonce,
  errorDetail,
}: {
  typeUrl: string;
  resourceNames: string[];
  versionInfo: string;
  responseNonce: string;
  errorDetail?: { code: number; message: string } | undefined;
}) => ({
  type: typeUrl.slice(typeUrl.lastIndexOf(".") + 1),
  names: resourceNames,
  version: versionInfo,
  nonce: responseNonce,
  ...(errorDetail === undefined ? {} : { code: errorDetail.code }),
});

describe("requests", () => {
  it("open the stream at the first watch only", async () => {
    await mesh.settle();
    expect(mesh.ads.streams).toHaveLength(0);
    mesh.watch("a:80");
    mesh.watch("b:80");
    await mesh.settle();
    expect(mesh.ads.streams).toHaveLength(1);
  });

  it("are sent once the stream is open, one per type for all names of a turn", async () => {
    mesh.watch("b:80");
    mesh.watch("a:80");
    await mesh.settle();
    expect(mesh.ads.stream.take()).toHaveLength(0);
    mesh.ads.stream.accept();
    expect(mesh.ads.stream.take().map(brief)).toEqual([
      { type: "Listener", names: ["a:80", "b:80"], version: "", nonce: "" },
    ]);
  });

  it("carry the node in the first one of a stream only", async () => {
    await reachClusters("a:80", "c1");
    const [first, ...others] = mesh.ads.stream.requests;
    expect(first?.node).toMatchObject({
      id: "node-1",
      cluster: "shop",
      userAgentName: "meshwright",
      clientFeatures: ["envoy.lb.does_not_support_overprovisioning", "xds.config.resource-in-sotw"],
    });
    expect(others.map(({ node }) => node)).toEqual(others.map(() => undefined));
  });

  it("ask for a hundred clusters of one response in one request", async () => {
    const names = Array.from({ length: 100 }, (_, index) => `c${index}`).sort();
    mesh.watch("a:80");
    await mesh.settle();
    mesh.ads.stream.accept();
    mesh.ads.stream.respond(LDS, "1", "l1", [listener("a:80", "routes")]);
    await mesh.settle();
    mesh.ads.stream.take();
    mesh.ads.stream.respond(RDS, "1", "r1", [routesTo("routes", ...names)]);
    await mesh.settle();
    const requests = mesh.ads.stream.take();
    expect(requests.filter(({ typeUrl }) => typeUrl === CDS).map(({ resourceNames }) => resourceNames)).toEqual([
      names,
    ]);
    expect(requests.filter(({ typeUrl }) => typeUrl === EDS)).toHaveLength(0);
  });

  it("unsubscribe from endpoints with an empty list, but never from clusters", async () => {
    await reachClusters("a:80", "c1");
    mesh.ads.stream.respond(CDS, "1", "c1", [cluster("c1")]);
    await mesh.settle();
    mesh.ads.stream.respond(EDS, "1", "e1", [endpoints("c1", 1)]);
    await mesh.settle();
    mesh.ads.stream.take();
    mesh.ads.stream.respond(RDS, "2", "r2", [routesTo("routes")]);
    await mesh.settle();
    const requests = mesh.ads.stream.take();
    expect(requests.filter(({ typeUrl }) => typeUrl === EDS).map(brief)).toEqual([
      { type: "ClusterLoadAssignment", names: [], version: "1", nonce: "e1" },
    ]);
    expect(requests.filter(({ typeUrl }) => typeUrl === CDS)).toHaveLength(0);
  });

  it("end with the stream when nothing is wanted any more", async () => {
    const watch = await reachClusters("a:80", "c1");
    watch[Symbol.dispose]();
    await mesh.settle();
    expect(mesh.ads.stream.isClosed).toBe(true);
    expect(mesh.ads.stream.take()).toHaveLength(0);
  });

  it("claim no version once the resources of that version were dropped", async () => {
    const watch = await reachClusters("a:80", "c1");
    watch[Symbol.dispose]();
    await mesh.settle();
    mesh.watch("a:80");
    await mesh.settle();
    mesh.ads.stream.accept();
    expect(mesh.ads.stream.take().map(brief)).toEqual([{ type: "Listener", names: ["a:80"], version: "", nonce: "" }]);
  });
});

describe("responses", () => {
  it("are acknowledged with their version and nonce", async () => {
    await reachClusters("a:80", "c1");
    mesh.ads.stream.respond(CDS, "7", "n7", [cluster("c1")]);
    await mesh.settle();
    expect(mesh.ads.stream.take().map(brief)).toEqual([
      { type: "Cluster", names: ["c1"], version: "7", nonce: "n7" },
      { type: "ClusterLoadAssignment", names: ["c1"], version: "", nonce: "" },
    ]);
  });

  it("with a bad resource are refused once, naming it, at the version accepted before", async () => {
    await reachClusters("a:80", "c1", "c2");
    mesh.ads.stream.respond(CDS, "1", "n1", [cluster("c1"), cluster("c2")]);
    await mesh.settle();
    mesh.ads.stream.take();
    mesh.ads.stream.respond(CDS, "2", "n2", [cluster("c1"), badCluster("c2")]);
    await mesh.settle();
    const [refusal, ...others] = mesh.ads.stream.take();
    expect(others).toHaveLength(0);
    expect(refusal && brief(refusal)).toEqual({
      type: "Cluster",
      names: ["c1", "c2"],
      version: "1",
      nonce: "n2",
      code: 3,
    });
    expect(refusal?.errorDetail?.message).toMatch(/^cluster "c2": .*EDS.* \[xds node id: node-1\]$/);
  });

  // grpc-js-xds repeated error_detail on every later request; istiod drops requests that carry one.
  it("that were refused leave no trace in the next subscription", async () => {
    await reachClusters("a:80", "c1");
    mesh.ads.stream.respond(CDS, "1", "n1", [badCluster("c1")]);
    mesh.ads.stream.respond(RDS, "2", "r2", [routesTo("routes", "c1", "c2")]);
    await mesh.settle();
    const requests = mesh.ads.stream.take().filter(({ typeUrl }) => typeUrl === CDS);
    expect(requests.map(brief)).toEqual([
      { type: "Cluster", names: ["c1"], version: "", nonce: "n1", code: 3 },
      { type: "Cluster", names: ["c1", "c2"], version: "", nonce: "n1" },
    ]);
  });

  it("of an unknown type are ignored", async () => {
    await reachClusters("a:80", "c1");
    mesh.ads.stream.respond("type.googleapis.com/some.Thing", "1", "n1", []);
    await mesh.settle();
    expect(mesh.ads.stream.take()).toHaveLength(0);
  });

  it("of a type that was never asked for are not answered, least of all with an empty list", async () => {
    mesh.watch("a:80");
    await mesh.settle();
    mesh.ads.stream.accept();
    mesh.ads.stream.take();
    mesh.ads.stream.respond(CDS, "1", "n1", [cluster("c1")]);
    await mesh.settle();
    expect(mesh.ads.stream.take()).toHaveLength(0);
  });

  it("that name a resource twice are refused", async () => {
    await reachClusters("a:80", "c1");
    mesh.ads.stream.respond(CDS, "1", "n1", [cluster("c1"), cluster("c1")]);
    await mesh.settle();
    expect(mesh.ads.stream.take()[0]?.errorDetail?.message).toContain('cluster "c1"');
  });

  it("that are no DiscoveryResponse end the stream instead of the process", async () => {
    mesh.watch("a:80");
    await mesh.settle();
    mesh.ads.stream.accept();
    expect(() => mesh.ads.stream.respondBytes(new Uint8Array([0xff, 0xff, 0xff]))).not.toThrow();
    expect(mesh.ads.stream.isClosed).toBe(true);
    await mesh.clock.advance(1_200);
    expect(mesh.ads.streams).toHaveLength(2);
  });
});
