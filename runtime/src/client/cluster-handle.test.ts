import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ClusterConfig } from "../config/xds-config.js";
import { createDirectChannel } from "./direct-channel.js";
import { address, cluster, config, failureOf, forward, Harness, NOTHING_LEFT } from "./test/harness.js";

let harness: Harness;

beforeEach(() => {
  harness = new Harness();
});

afterEach(async () => {
  expect(await harness.stop()).toEqual(NOTHING_LEFT);
});

/** A cluster of one endpoint per priority. */
function byPriority(...hosts: string[]): ClusterConfig {
  const parts = hosts.map((host) => cluster([host]));
  const [first] = parts;
  if (first?.kind !== "ready") throw new Error("a cluster needs a host");
  const priorities = parts.flatMap((part) => (part.kind === "ready" ? part.endpoints.priorities : []));
  return { ...first, endpoints: { ...first.endpoints, priorities } };
}

function use(clusterConfig: ClusterConfig): void {
  harness.channel.onConfig(config(forward(), { c: clusterConfig }));
}

describe("ClusterHandle", () => {
  it("fails calls at once when every endpoint refuses, and says why", async () => {
    use(cluster(["a", "b"]));
    await harness.clock.advance(0);
    expect(failureOf(await harness.call())).toEqual({
      code: "Unavailable",
      message:
        'cluster "c": none of 2 endpoints can be reached: can\'t connect to b:80: connection refused: nobody listens there',
    });
  });

  it("leaves out endpoints that are not healthy", async () => {
    await harness.serve("a");
    use(cluster(["a"], { health: "draining" }));
    expect(failureOf(await harness.call())?.message).toBe('cluster "c": no healthy endpoint is known');
    expect(harness.network.openConnections).toBe(0);
  });

  it("lets calls wait while the first connection is made", async () => {
    await harness.serve("a");
    harness.network.partition(address("a"), true);
    use(cluster(["a"]));
    const outcome = await harness.call();
    await harness.clock.advance(4999);
    expect(outcome).toEqual({});
    await harness.clock.advance(1);
    expect(failureOf(outcome)?.message).toContain("no answer within 5000 ms");
  });

  it("uses the next priority at once when the first refuses", async () => {
    await harness.serve("b");
    use(byPriority("a", "b"));
    expect((await harness.call()).text).toBe("b: hi");
  });

  it("uses the next priority when the first takes longer than 10 s (gRFC A56)", async () => {
    await harness.serve("a");
    await harness.serve("b");
    harness.network.partition(address("a"), true);
    use({ ...byPriority("a", "b"), cluster: { ...clusterOf(), connectTimeoutMs: 60_000 } } as ClusterConfig);
    const outcome = await harness.call();
    await harness.clock.advance(9_999);
    expect(outcome).toEqual({});
    await harness.clock.advance(1);
    expect(outcome.text).toBe("b: hi");
  });

  it("returns to the first priority when it can be reached again", async () => {
    await harness.serve("b");
    use(byPriority("a", "b"));
    expect((await harness.call()).text).toBe("b: hi");
    await harness.serve("a");
    await harness.clock.advance(2000);
    expect((await harness.call()).text).toBe("a: hi");
  });

  it("takes no call that configuration drops", async () => {
    await harness.serve("a");
    const ready = cluster(["a"]);
    if (ready.kind !== "ready") throw new Error("unreachable");
    use({ ...ready, endpoints: { ...ready.endpoints, drops: [{ category: "overload", perMillion: 1_000_000 }] } });
    expect(failureOf(await harness.call())?.message).toBe('cluster "c": dropped by configuration: overload');
  });

  it("connects one endpoint after another with pick_first, and stays with it", async () => {
    for (const host of ["b", "c"]) await harness.serve(host);
    use(cluster(["a", "b", "c"], { loadBalancer: { kind: "pick_first", shuffle: false } }));
    const texts = [await harness.call(), await harness.call()].map(({ text }) => text);
    expect(texts).toEqual(["b: hi", "b: hi"]);
    expect(harness.network.openConnections).toBe(1);
  });

  it("connects again after a server went away in order", async () => {
    const server = await harness.serve("a");
    use(cluster(["a"]));
    expect((await harness.call()).text).toBe("a: hi");
    const closed = server.close(0);
    await harness.clock.advance(0);
    await closed;
    await harness.serve("a", () => "again");
    await harness.clock.advance(2000);
    expect((await harness.call()).text).toBe("again");
  });
});

describe("createDirectChannel", () => {
  it("calls one address, without a control plane", async () => {
    await harness.serve("a");
    const direct = createDirectChannel("a:80", harness);
    await harness.clock.advance(0);
    const handle = direct.clusters.get("direct");
    expect([...(handle?.subchannels ?? [])].map(({ state }) => state)).toEqual(["ready"]);
    direct.close();
  });
});

function clusterOf() {
  const ready = cluster(["a"]);
  if (ready.kind !== "ready") throw new Error("unreachable");
  return ready.cluster;
}
