import type { Any } from "@bufbuild/protobuf/wkt";
import { ResourceSchema } from "@meshwright/proto/envoy/service/discovery/v3/discovery_pb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createHarness, type Harness, type RecordedWatch } from "./test/harness.js";
import { badCluster, CDS, cluster, EDS, endpoints, LDS, listener, RDS, routesTo } from "./test/resources.js";
import { anyOf } from "./test/scripted-ads.js";

let mesh: Harness;

beforeEach(() => {
  mesh = createHarness();
});

afterEach(() => {
  mesh.client.close();
  expect(mesh.clock.pendingTimers, "timers left after close").toBe(0);
});

/** Watches a:80 and answers everything. */
async function connect(): Promise<RecordedWatch> {
  const watch = mesh.watch("a:80");
  await mesh.settle();
  mesh.ads.stream.accept();
  const answers: [string, Any][] = [
    [LDS, listener("a:80", "routes")],
    [RDS, routesTo("routes", "c1")],
    [CDS, cluster("c1")],
    [EDS, endpoints("c1", 1)],
  ];
  for (const [type, resource] of answers) {
    mesh.ads.stream.respond(type, "1", "n1", [resource]);
    await mesh.settle();
  }
  mesh.ads.stream.take();
  return watch;
}

describe("a stream that ends", () => {
  it("without a response is followed by another after 1 s, then 1.6 times later each", async () => {
    const watch = mesh.watch("a:80");
    await mesh.settle();
    for (const [count, delayMs] of [1_000, 1_600, 2_560].entries()) {
      mesh.ads.stream.fail("connection refused");
      await mesh.clock.advance(delayMs - 1);
      expect(mesh.ads.streams).toHaveLength(count + 1);
      await mesh.clock.advance(1);
      expect(mesh.ads.streams).toHaveLength(count + 2);
    }
    expect(watch.errors).toEqual(["connection refused [xds node id: node-1]"]);
  });

  it("waits two minutes at most", async () => {
    mesh.watch("a:80");
    await mesh.settle();
    for (let round = 0; round < 20; round += 1) {
      mesh.ads.stream.fail("connection refused");
      await mesh.clock.advance(120_000);
      expect(mesh.ads.streams).toHaveLength(round + 2);
    }
  });

  it("after a response is followed by another at once, and leaves the configuration alone", async () => {
    const watch = await connect();
    mesh.ads.stream.fail("server restarted");
    await mesh.settle();
    expect(mesh.ads.streams).toHaveLength(2);
    expect(watch.configs).toHaveLength(1);
    expect(watch.errors).toHaveLength(0);
  });

  it("starts over: node, no nonce, all names, the accepted versions", async () => {
    await connect();
    mesh.ads.stream.fail("server restarted");
    await mesh.settle();
    mesh.ads.stream.accept();
    const requests = mesh.ads.stream.take();
    expect(
      requests.map(({ resourceNames, versionInfo, responseNonce }) => [resourceNames, versionInfo, responseNonce]),
    ).toEqual([["c1"], ["c1"], ["a:80"], ["routes"]].map((names) => [names, "1", ""]));
    expect(requests.map(({ node }) => node?.id)).toEqual(["node-1", undefined, undefined, undefined]);
  });

  it("has its backoff forgotten at the next response", async () => {
    mesh.watch("a:80");
    await mesh.settle();
    for (const delayMs of [1_000, 1_600]) {
      mesh.ads.stream.fail("connection refused");
      await mesh.clock.advance(delayMs);
    }
    mesh.ads.stream.accept();
    mesh.ads.stream.respond(LDS, "1", "n1", [listener("a:80", "routes")]);
    mesh.ads.stream.fail("gone");
    await mesh.settle();
    mesh.ads.stream.fail("connection refused");
    await mesh.clock.advance(1_000);
    expect(mesh.ads.streams).toHaveLength(5);
  });

  it("does not tell a later watch of a failure that nobody waits for any more", async () => {
    mesh.watch("a:80")[Symbol.dispose]();
    const first = mesh.watch("a:80");
    await mesh.settle();
    mesh.ads.stream.fail("connection refused");
    await mesh.settle();
    first[Symbol.dispose]();
    await mesh.settle();
    const second = mesh.watch("a:80");
    await mesh.settle();
    expect(second.errors).toHaveLength(0);
    expect(mesh.ads.streams).toHaveLength(2);
  });
});

describe("a resource", () => {
  it("that does not come within 15 s of being asked for on an open stream does not exist", async () => {
    const watch = mesh.watch("a:80");
    await mesh.clock.advance(60_000);
    expect(watch.errors).toHaveLength(0);
    mesh.ads.stream.accept();
    await mesh.clock.advance(14_999);
    expect(watch.errors).toHaveLength(0);
    await mesh.clock.advance(1);
    expect(watch.errors).toEqual([expect.stringMatching(/^listener "a:80" does not exist.*\[xds node id: node-1\]$/)]);
  });

  it("absent from a response that was written before it was asked for is still waited for", async () => {
    await connect();
    const later = mesh.watch("b:80");
    await mesh.settle();
    mesh.ads.stream.respond(LDS, "2", "n2", [listener("a:80", "routes")]);
    await mesh.settle();
    expect(later.errors).toHaveLength(0);
    mesh.ads.stream.respond(LDS, "3", "n3", [listener("a:80", "routes"), listener("b:80", "routes")]);
    await mesh.settle();
    expect(later.configs).toHaveLength(1);
  });

  // grpc-js-xds kept the deleted value, found the new one equal, and never recovered.
  it("that is deleted and comes back the same recovers", async () => {
    const watch = await connect();
    mesh.ads.stream.respond(CDS, "2", "n2", []);
    await mesh.settle();
    expect(watch.config.clusters.get("c1")).toMatchObject({ kind: "failed" });
    mesh.ads.stream.respond(CDS, "3", "n3", [cluster("c1")]);
    await mesh.settle();
    mesh.ads.stream.respond(EDS, "3", "n3", [endpoints("c1", 1)]);
    await mesh.settle();
    expect(watch.config.clusters.get("c1")).toMatchObject({ kind: "ready" });
    mesh.ads.stream.respond(LDS, "4", "n4", []);
    await mesh.settle();
    expect(watch.errors).toEqual([expect.stringContaining('listener "a:80" was deleted')]);
    for (const [type, answer] of [
      [LDS, listener("a:80", "routes")],
      [RDS, routesTo("routes", "c1")],
      [CDS, cluster("c1")],
      [EDS, endpoints("c1", 1)],
    ] as const) {
      mesh.ads.stream.respond(type, "5", "n5", [answer]);
      await mesh.settle();
    }
    expect(watch.config.clusters.get("c1")).toMatchObject({ kind: "ready" });
  });

  it("that turns bad keeps its last good version in force", async () => {
    const watch = await connect();
    mesh.ads.stream.respond(CDS, "2", "n2", [badCluster("c1")]);
    await mesh.settle();
    expect(watch.configs).toHaveLength(1);
    expect(mesh.client.resources.find(({ name, type }) => type === "cluster" && name === "c1")).toMatchObject({
      state: "ok",
      version: "1",
      problem: expect.stringContaining("EDS"),
    });
  });

  // grpc-js-xds refused every wrapped resource.
  it.for<{ name: string; wrapper: { name?: string } }>([
    { name: "with its name", wrapper: { name: "c1" } },
    { name: "without a name", wrapper: {} },
  ])("in a Resource wrapper $name is taken out of it", async ({ wrapper }) => {
    const watch = await connect();
    mesh.ads.stream.respond(CDS, "2", "n2", [
      anyOf(ResourceSchema, { ...wrapper, resource: cluster("c1", { connectTimeout: { seconds: 9n } }) }),
    ]);
    await mesh.settle();
    expect(watch.config.clusters.get("c1")).toMatchObject({ cluster: { connectTimeoutMs: 9_000 } });
  });

  it("of which only a heartbeat comes stays as it is", async () => {
    const watch = await connect();
    mesh.ads.stream.respond(CDS, "1", "n2", [anyOf(ResourceSchema, { name: "c1", ttl: { seconds: 60n } })]);
    await mesh.settle();
    expect(mesh.ads.stream.take()[0]?.errorDetail).toBeUndefined();
    expect(watch.configs).toHaveLength(1);
  });

  it("is not taken for deleted when another one of the response can't be read", async () => {
    const watch = await connect();
    mesh.ads.stream.respond(CDS, "2", "n2", [{ ...cluster("c1"), value: new Uint8Array([0xff]) }]);
    await mesh.settle();
    expect(mesh.ads.stream.take()[0]?.errorDetail?.message).toContain("can't be read");
    expect(watch.configs).toHaveLength(1);
  });
});
