import type { Any } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createHarness, type Harness, type RecordedWatch } from "./test/harness.js";
import { CDS, cluster, EDS, endpoints, LDS, listener, RDS, routes, routesTo, virtualHost } from "./test/resources.js";

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

/** Watches a:80 and b:80, which are routed to these clusters, and answers everything. */
async function start(toA: readonly string[], toB: readonly string[]): Promise<[RecordedWatch, RecordedWatch]> {
  const watches: [RecordedWatch, RecordedWatch] = [mesh.watch("a:80"), mesh.watch("b:80")];
  await mesh.settle();
  mesh.ads.stream.accept();
  const all = [...new Set([...toA, ...toB])];
  await send(
    [LDS, listener("a:80", "routes"), listener("b:80", "routes")],
    [RDS, routes("routes", virtualHost("a:80", ...toA), virtualHost("b:80", ...toB))],
    [CDS, ...all.map((name) => cluster(name))],
    [EDS, ...all.map((name, index) => endpoints(name, index + 1))],
  );
  mesh.ads.stream.take();
  return watches;
}

const asked = (typeUrl: string) =>
  mesh.ads.stream
    .take()
    .filter((request) => request.typeUrl === typeUrl)
    .map(({ resourceNames }) => resourceNames);

const clustersOf = ({ config }: RecordedWatch) => [...config.clusters.keys()];

// A server sends a resource again when it sees the name leave and come back, and not before: a name that never left the
// wire must not leave the cache either, or its new watcher waits for ever.
describe("a resource that is given up and wanted again in one turn", () => {
  it("reaches a watch that replaces the only other one of its target", async () => {
    const [first] = await start(["c1"], ["c2"]);
    const second = mesh.watch("a:80");
    first[Symbol.dispose]();
    await mesh.settle();
    expect(second.configs).toHaveLength(1);
    expect(mesh.ads.stream.take()).toHaveLength(0);
  });

  it("moves from one target to another", async () => {
    const [a, b] = await start(["c1", "c2"], ["c2"]);
    await send([RDS, routes("routes", virtualHost("a:80", "c2"), virtualHost("b:80", "c1"))]);
    expect(clustersOf(a)).toEqual(["c2"]);
    expect(clustersOf(b)).toEqual(["c1"]);
  });

  it("still does not exist when it does not come within 15 s", async () => {
    mesh.watch("b:80");
    const first = mesh.watch("a:80");
    await mesh.settle();
    mesh.ads.stream.accept();
    const second = mesh.watch("a:80");
    first[Symbol.dispose]();
    await mesh.clock.advance(15_000);
    expect(second.errors).toEqual([expect.stringContaining('listener "a:80" does not exist')]);
  });
});

// An empty list of clusters would ask for all of them, so the last ones stay subscribed.
describe("the last cluster", () => {
  const back = () => send([RDS, routesTo("routes", "c1")], [EDS, endpoints("c1", 5)]);

  it("that the routes drop and take back is used again", async () => {
    const [a] = await start(["c1"], ["c1"]);
    await send([RDS, routesTo("routes")]);
    expect(clustersOf(a)).toEqual([]);
    await back();
    expect(a.config.clusters.get("c1")).toMatchObject({ kind: "ready" });
  });

  it("is used as it became meanwhile", async () => {
    const [a] = await start(["c1"], ["c1"]);
    await send([RDS, routesTo("routes")], [CDS, cluster("c1", { connectTimeout: { seconds: 9n } })]);
    await back();
    expect(a.config.clusters.get("c1")).toMatchObject({ cluster: { connectTimeoutMs: 9_000 } });
  });

  it("is failed when it was deleted meanwhile", async () => {
    const [a] = await start(["c1"], ["c1"]);
    await send([RDS, routesTo("routes")], [CDS], [RDS, routesTo("routes", "c1")]);
    expect(a.config.clusters.get("c1")).toMatchObject({ kind: "failed", message: expect.stringContaining("deleted") });
  });

  it("is no longer listed as watched, and leaves with the first request for another", async () => {
    await start(["c1"], ["c1"]);
    await send([RDS, routesTo("routes")]);
    expect(mesh.client.resources.filter(({ type }) => type === "cluster")).toHaveLength(0);
    mesh.ads.stream.take();
    await send([RDS, routesTo("routes", "c2")]);
    expect(asked(CDS)).toEqual([["c2"]]);
  });

  it("is asked for anew on the next stream, not taken from the last one", async () => {
    const [a] = await start(["c1"], ["c1"]);
    await send([RDS, routesTo("routes")]);
    mesh.ads.stream.fail("server restarted");
    await mesh.settle();
    mesh.ads.stream.accept();
    expect(asked(CDS)).toEqual([]);
    const published = a.configs.length;
    await send([RDS, routesTo("routes", "c1")]);
    expect(a.configs).toHaveLength(published);
    expect(asked(CDS)).toEqual([["c1"]]);
    await send([CDS, cluster("c1")], [EDS, endpoints("c1", 5)]);
    expect(a.config.clusters.get("c1")).toMatchObject({ kind: "ready" });
  });
});

// A server ignores a request that carries an old nonce, together with its names, and sends nothing for a name that it
// takes for subscribed. Seen with a strict server: endpoints given up, another response under way, endpoints wanted
// again; the new watcher waited for ever.
describe("endpoints that are given up and wanted again", () => {
  const lastPort = ({ config }: RecordedWatch) => {
    const state = config.clusters.get("c2");
    return state?.kind === "ready" ? state.endpoints.priorities[0]?.[0]?.endpoints[0]?.port : state?.message;
  };

  it("are here when a response crossed the request that gave them up", async () => {
    const [, b] = await start(["c1"], ["c2"]);
    await send([RDS, routesTo("routes", "c1")]);
    expect(asked(EDS)).toEqual([["c1"]]);
    // Sent before that request came: it is stale, and the server still counts on c2 being here.
    await send([RDS, routesTo("routes", "c1", "c2")], [CDS, cluster("c1"), cluster("c2")], [EDS, endpoints("c1", 7)]);
    expect(asked(EDS)).toEqual([
      ["c1", "c2"],
      ["c1", "c2"],
    ]);
    expect(lastPort(b)).toBe(2);
  });

  it("are taken from the response that crossed it", async () => {
    const [, b] = await start(["c1"], ["c2"]);
    await send(
      [RDS, routesTo("routes", "c1")],
      [EDS, endpoints("c2", 8)],
      [RDS, routesTo("routes", "c1", "c2")],
      [CDS, cluster("c1"), cluster("c2")],
    );
    expect(lastPort(b)).toBe(8);
  });

  it("are forgotten after 15 s without a response", async () => {
    const [, b] = await start(["c1"], ["c2"]);
    await send([RDS, routesTo("routes", "c1")]);
    await mesh.clock.advance(15_000);
    const published = b.configs.length;
    await send([RDS, routesTo("routes", "c1", "c2")], [CDS, cluster("c1"), cluster("c2")]);
    expect(b.configs).toHaveLength(published);
    await send([EDS, endpoints("c2", 9)]);
    expect(lastPort(b)).toBe(9);
  });
});
