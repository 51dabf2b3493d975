import { describe, expect, it } from "vitest";
import type { ClusterEndpoints, Endpoint, EndpointHealth } from "../config/endpoint.js";
import { reconcile } from "./endpoint-set.js";

interface Handle {
  readonly address: string;
  weight: number;
}

const LOCALITY = { region: "r", zone: "z", subZone: "" };

function endpoint(address: string, weight = 1, health: EndpointHealth = "healthy"): Endpoint {
  return { address, host: address.split(":")[0] ?? "", port: 80, weight, health };
}

function assignment(...priorities: Endpoint[][]): ClusterEndpoints {
  return {
    name: "c",
    priorities: priorities.map((endpoints) => [{ locality: LOCALITY, weight: 3, endpoints }]),
    drops: [],
  };
}

const created: string[] = [];
const create = ({ address }: Endpoint): Handle => {
  created.push(address);
  return { address, weight: 0 };
};

describe("reconcile", () => {
  it("makes a handle for each endpoint, by priority and locality", () => {
    const set = reconcile(new Map(), assignment([endpoint("a:80", 2)], [endpoint("b:80")]), create);
    expect(set.priorities).toEqual([
      [{ weight: 3, endpoints: [{ address: "a:80", weight: 2 }] }],
      [{ weight: 3, endpoints: [{ address: "b:80", weight: 1 }] }],
    ]);
    expect([...set.byAddress.keys()]).toEqual(["a:80", "b:80"]);
    expect(set.removed).toEqual([]);
  });

  it("keeps the handle of an address that stays, and gives it the new weight", () => {
    const first = reconcile(new Map(), assignment([endpoint("a:80", 1), endpoint("b:80")]), create);
    created.length = 0;
    const second = reconcile(first.byAddress, assignment([endpoint("b:80"), endpoint("a:80", 5)]), create);
    expect(created).toEqual([]);
    expect(second.byAddress.get("a:80")).toBe(first.byAddress.get("a:80"));
    expect(second.byAddress.get("a:80")?.weight).toBe(5);
    expect(second.removed).toEqual([]);
  });

  it("keeps the handle of an address that moves to another priority", () => {
    const first = reconcile(new Map(), assignment([endpoint("a:80")], [endpoint("b:80")]), create);
    const second = reconcile(first.byAddress, assignment([endpoint("b:80")], [endpoint("a:80")]), create);
    expect(second.priorities[1]?.[0]?.endpoints[0]).toBe(first.byAddress.get("a:80"));
  });

  it("gives handles to endpoints of healthy and unknown health only", () => {
    const set = reconcile(
      new Map(),
      assignment([
        endpoint("a:80", 1, "unhealthy"),
        endpoint("b:80", 1, "unknown"),
        endpoint("c:80", 1, "draining"),
        endpoint("d:80", 1, "healthy"),
      ]),
      create,
    );
    expect([...set.byAddress.keys()]).toEqual(["b:80", "d:80"]);
    expect(set.priorities[0]?.[0]?.endpoints.length).toBe(2);
  });

  it("names the handles of endpoints that left or became unhealthy", () => {
    const first = reconcile(new Map(), assignment([endpoint("a:80"), endpoint("b:80"), endpoint("c:80")]), create);
    const second = reconcile(first.byAddress, assignment([endpoint("a:80"), endpoint("b:80", 1, "draining")]), create);
    expect(second.removed.map(({ address }) => address)).toEqual(["b:80", "c:80"]);
    expect([...second.byAddress.keys()]).toEqual(["a:80"]);
  });
});
