import type { Any } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createHarness, type RecordedWatch } from "./test/harness.js";
import { badCluster, CDS, cluster, EDS, endpoints, LDS, listener, RDS, routes, virtualHost } from "./test/resources.js";
import { createStrictServer, type World } from "./test/strict-server.js";

const TARGETS = ["a:80", "b:80"];
const NAMES = ["c1", "c2", "c3"];

const RUN_OUT = { kind: "run out" as const };

const changes = fc.oneof(
  fc.record({ kind: fc.constant("route" as const), target: fc.constantFrom(...TARGETS), names: fc.subarray(NAMES) }),
  fc.record({
    kind: fc.constant("cluster" as const),
    name: fc.constantFrom(...NAMES),
    state: fc.constantFrom("good" as const, "bad" as const, "gone" as const),
  }),
  fc.record({ kind: fc.constant("endpoints" as const), name: fc.constantFrom(...NAMES) }),
  fc.record({ kind: fc.constant("watch" as const), target: fc.constantFrom(...TARGETS) }),
  fc.record({ kind: fc.constant("dispose" as const), target: fc.constantFrom(...TARGETS) }),
  fc.record({ kind: fc.constantFrom("serve" as const, "deliver" as const, "settle" as const, "kill" as const) }),
);
// Without running out in between, hardly any run would get as far as a snapshot.
const runs = fc
  .array(fc.tuple(changes, fc.boolean()), { minLength: 1, maxLength: 25 })
  .map((steps) => [RUN_OUT, ...steps.flatMap(([change, isLast]) => (isLast ? [change, RUN_OUT] : [change]))]);

/** The control plane's side: what the resources are made from; one object per resource that did not change. */
class Model {
  readonly routes = new Map<string, readonly string[]>(TARGETS.map((target) => [target, ["c1"]]));
  readonly ports = new Map<string, number>(NAMES.map((name, index) => [name, index + 1]));
  readonly #clusters = new Map<string, Any>(NAMES.map((name) => [name, cluster(name)]));
  readonly #listeners = new Map<string, Any>(TARGETS.map((target) => [target, listener(target, "routes")]));
  readonly #endpoints = new Map<string, Any>();
  #port = 100;

  setCluster(name: string, state: "good" | "bad" | "gone"): void {
    if (state === "gone") this.#clusters.delete(name);
    else this.#clusters.set(name, state === "good" ? cluster(name) : badCluster(name));
  }

  moveEndpoints(name: string): void {
    this.#port += 1;
    this.ports.set(name, this.#port);
    this.#endpoints.delete(name);
  }

  get world(): World {
    for (const [name, port] of this.ports) {
      if (!this.#endpoints.has(name)) this.#endpoints.set(name, endpoints(name, port));
    }
    const hosts = [...this.routes].map(([target, names]) => virtualHost(target, ...names));
    return new Map([
      [LDS, this.#listeners],
      [RDS, new Map([["routes", routes("routes", ...hosts)]])],
      [CDS, new Map(this.#clusters)],
      [EDS, new Map(this.#endpoints)],
    ]);
  }
}

const portsOf = (watch: RecordedWatch) =>
  [...(watch.configs.at(-1)?.clusters ?? [])].map(([name, config]) => [
    name,
    config.kind === "ready" ? config.endpoints.priorities[0]?.[0]?.endpoints[0]?.port : config.message,
  ]);

describe("any run of changes, watches and lost streams", () => {
  it("ends with every watcher at what the control plane has", async () => {
    await fc.assert(
      fc.asyncProperty(runs, async (run) => {
        const mesh = createHarness();
        const model = new Model();
        const server = createStrictServer(mesh.ads, model.world);
        const watches = new Map<string, RecordedWatch>([["a:80", mesh.watch("a:80")]]);
        const dispose = (target: string) => watches.get(target)?.[Symbol.dispose]();
        const runOut = async () => {
          do {
            await mesh.settle();
            server.serve();
            server.deliver();
            await mesh.settle();
          } while (!server.isQuiet);
        };
        for (const step of run) {
          switch (step.kind) {
            case "route":
              model.routes.set(step.target, step.names);
              server.change(model.world);
              break;
            case "cluster":
              model.setCluster(step.name, step.state);
              server.change(model.world);
              break;
            case "endpoints":
              model.moveEndpoints(step.name);
              server.change(model.world);
              break;
            case "watch": {
              // The new one first: what both need is never given up.
              const fresh = mesh.watch(step.target);
              dispose(step.target);
              watches.set(step.target, fresh);
              break;
            }
            case "dispose":
              dispose(step.target);
              watches.delete(step.target);
              break;
            case "settle":
              await mesh.settle();
              break;
            case "run out":
              await runOut();
              break;
            default:
              server[step.kind]();
          }
        }
        for (const name of NAMES) model.setCluster(name, "good");
        server.change(model.world);
        // No response is under way for as long as the longest backoff.
        await runOut();
        await mesh.clock.advance(150_000);
        await runOut();
        expect(server.offences).toEqual([]);
        for (const [target, watch] of watches) {
          expect(portsOf(watch), target).toEqual(
            model.routes.get(target)?.map((name) => [name, model.ports.get(name)]),
          );
        }
        mesh.client.close();
        expect(mesh.clock.pendingTimers).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});
