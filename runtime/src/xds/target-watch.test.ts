import type { Any } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createHarness, type Harness, type RecordedWatch } from "./test/harness.js";
import {
  badCluster,
  CDS,
  cluster,
  EDS,
  endpoints,
  LDS,
  listener,
  listenerWith,
  RDS,
  routes,
  routesTo,
  virtualHost,
} from "./test/resources.js";

let mesh: Harness;
let nonce = 0;

beforeEach(() => {
  mesh = createHarness();
});

afterEach(() => {
  mesh.client.close();
  expect(mesh.clock.pendingTimers, "timers left after close").toBe(0);
});

/** Sends responses, each in a turn of its own. */
async function send(...responses: readonly (readonly [string, ...Any[]])[]): Promise<void> {
  for (const [type, ...resources] of responses) {
    nonce += 1;
    mesh.ads.stream.respond(type, String(nonce), `n${nonce}`, resources);
    await mesh.settle();
  }
}

async function start(target = "a:80"): Promise<RecordedWatch> {
  const watch = mesh.watch(target);
  await mesh.settle();
  mesh.ads.stream.accept();
  return watch;
}

const twoClusters = (): (readonly [string, ...Any[]])[] => [
  [LDS, listener("a:80", "routes")],
  [RDS, routesTo("routes", "c1", "c2")],
  [CDS, cluster("c1"), cluster("c2")],
  [EDS, endpoints("c1", 1), endpoints("c2", 2)],
];

describe("the first snapshot", () => {
  it("comes when every cluster and its endpoints are there", async () => {
    const watch = await start();
    const [lds, rds, cds, eds] = twoClusters();
    for (const response of [lds, rds, cds]) await send(response!);
    expect(watch.configs).toHaveLength(0);
    await send([EDS, endpoints("c1", 1)]);
    expect(watch.configs).toHaveLength(0);
    await send(eds!);
    expect(watch.configs).toHaveLength(1);
    expect([...watch.config.clusters.keys()]).toEqual(["c1", "c2"]);
  });

  it("is frozen throughout", async () => {
    const watch = await start();
    await send(...twoClusters());
    const { virtualHost: host, clusters } = watch.config;
    for (const part of [watch.config, host, host.routes, host.routes[0]?.match, clusters.get("c1")]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it("does not wait for a cluster that was refused", async () => {
    const watch = await start();
    await send([LDS, listener("a:80", "routes")], [RDS, routesTo("routes", "c1", "c2")]);
    await send([CDS, cluster("c1"), badCluster("c2")], [EDS, endpoints("c1", 1)]);
    expect(watch.config.clusters.get("c1")?.kind).toBe("ready");
    expect(watch.config.clusters.get("c2")).toMatchObject({
      kind: "failed",
      message: expect.stringContaining('cluster "c2"'),
    });
  });

  it("comes from routes within the listener as well", async () => {
    const watch = await start();
    const value = { name: "inline", virtualHosts: [virtualHost("*", "c1")] };
    await send([LDS, listenerWith("a:80", { routeSpecifier: { case: "routeConfig", value } })]);
    await send([CDS, cluster("c1")], [EDS, endpoints("c1", 1)]);
    expect(watch.config.virtualHost.name).toBe("*");
  });

  it("reaches a second watcher of the same target, after watch returned and without another request", async () => {
    await start();
    await send(...twoClusters());
    mesh.ads.stream.take();
    const second = mesh.watch("a:80");
    expect(second.configs).toHaveLength(0);
    await mesh.settle();
    expect(second.configs).toHaveLength(1);
    expect(mesh.ads.stream.take()).toHaveLength(0);
  });
});

describe("an update", () => {
  it("to routes over new clusters leaves the old snapshot in force until the new one is complete", async () => {
    const watch = await start();
    await send(...twoClusters());
    await send([RDS, routesTo("routes", "c1", "c3")], [CDS, cluster("c1"), cluster("c2"), cluster("c3")]);
    expect(watch.configs).toHaveLength(1);
    await send([EDS, endpoints("c3", 3)]);
    expect(watch.configs).toHaveLength(2);
    expect([...watch.config.clusters.keys()]).toEqual(["c1", "c3"]);
  });

  it("gives up the old cluster only once the new snapshot is in force", async () => {
    await start();
    await send(...twoClusters());
    mesh.ads.stream.take();
    await send([RDS, routesTo("routes", "c1", "c3")]);
    const asked = mesh.ads.stream.take().filter(({ typeUrl }) => typeUrl === CDS);
    expect(asked.map(({ resourceNames }) => resourceNames)).toEqual([["c1", "c2", "c3"]]);
    await send([CDS, cluster("c1"), cluster("c2"), cluster("c3")], [EDS, endpoints("c3", 3)]);
    const last = mesh.ads.stream
      .take()
      .filter(({ typeUrl }) => typeUrl === CDS)
      .at(-1);
    expect(last?.resourceNames).toEqual(["c1", "c3"]);
  });

  it("of one cluster's endpoints keeps the identity of everything else", async () => {
    const watch = await start();
    await send(...twoClusters());
    const before = watch.config;
    await send([EDS, endpoints("c2", 22)]);
    expect(watch.configs).toHaveLength(2);
    expect(watch.config.virtualHost).toBe(before.virtualHost);
    expect(watch.config.clusters.get("c1")).toBe(before.clusters.get("c1"));
    expect(watch.config.clusters).not.toBe(before.clusters);
  });

  it("of the routes keeps the identity of the clusters", async () => {
    const watch = await start();
    await send(...twoClusters());
    const before = watch.config;
    await send([RDS, routesTo("routes", "c2", "c1")]);
    expect(watch.configs).toHaveLength(2);
    expect(watch.config.virtualHost).not.toBe(before.virtualHost);
    expect(watch.config.clusters).toBe(before.clusters);
  });

  it("of another virtual host is no update for this target", async () => {
    const watch = await start();
    await send(
      [LDS, listener("a:80", "routes")],
      [RDS, routes("routes", virtualHost("a:80", "c1"), virtualHost("b:80", "c1"))],
    );
    await send([CDS, cluster("c1")], [EDS, endpoints("c1", 1)]);
    await send([RDS, routes("routes", virtualHost("a:80", "c1"), virtualHost("b:80", "c1", "c2"))]);
    expect(watch.configs).toHaveLength(1);
  });

  it("with the same bytes is none", async () => {
    const watch = await start();
    await send(...twoClusters());
    await send(...twoClusters());
    expect(watch.configs).toHaveLength(1);
  });

  it("of many resources in one response is published once", async () => {
    const watch = await start();
    await send(...twoClusters());
    await send([EDS, endpoints("c1", 11), endpoints("c2", 22)]);
    expect(watch.configs).toHaveLength(2);
  });
});

describe("an error", () => {
  it("says that no virtual host fits", async () => {
    const watch = await start();
    await send([LDS, listener("a:80", "routes")], [RDS, routes("routes", virtualHost("b:80", "c1"))]);
    expect(watch.errors).toEqual([
      'route configuration "routes": no virtual host has a domain for "a:80" [xds node id: node-1]',
    ]);
  });

  it("says why the first listener was refused, and the next good one recovers", async () => {
    const watch = await start();
    await send([LDS, listenerWith("a:80", { httpFilters: [] })]);
    expect(watch.errors).toEqual([expect.stringMatching(/^listener "a:80": .*router.* \[xds node id: node-1\]$/)]);
    await send(...twoClusters());
    expect(watch.configs).toHaveLength(1);
  });

  it("follows a deleted listener", async () => {
    const watch = await start();
    await send(...twoClusters());
    await send([LDS]);
    expect(watch.errors).toEqual(['listener "a:80" was deleted by the control plane [xds node id: node-1]']);
  });

  it("is not told to a watcher that was disposed", async () => {
    const watch = await start();
    await send([LDS, listener("a:80", "routes")]);
    watch[Symbol.dispose]();
    mesh.watch("b:80");
    await mesh.clock.advance(30_000);
    expect(watch.errors).toHaveLength(0);
  });
});
