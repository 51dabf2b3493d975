import { create, toBinary } from "@bufbuild/protobuf";
import { DiscoveryResponseSchema } from "@meshwright/proto/envoy/service/discovery/v3/discovery_pb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createHarness } from "./test/harness.js";
import { badCluster, CDS, cluster, EDS, endpoints, LDS, listener, RDS, routesTo } from "./test/resources.js";

const TYPES = [LDS, RDS, CDS, EDS];
const NAMES = ["c1", "c2", "c3"];

/** A response of one type with the clusters of `names`; the listener or the routes when it is of another type. */
const responses = fc.record({
  type: fc.constantFrom(...TYPES),
  names: fc.subarray(NAMES),
  bad: fc.subarray(NAMES),
});

const resourcesOf = ({ type, names, bad }: { type: string; names: string[]; bad: string[] }) => {
  switch (type) {
    case LDS:
      return names.length === 0 ? [] : [listener("a:80", "routes")];
    case RDS:
      return [routesTo("routes", ...names)];
    case CDS:
      return names.map((name) => (bad.includes(name) ? badCluster(name) : cluster(name)));
    default:
      return names.map((name, index) => endpoints(name, index + 1));
  }
};

describe("any run of responses", () => {
  it("is answered by the rules of state-of-the-world ADS", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(responses, { minLength: 1, maxLength: 12 }), async (run) => {
        const mesh = createHarness();
        const watch = mesh.watch("a:80");
        await mesh.settle();
        const { stream } = mesh.ads;
        stream.accept();
        const nonces = new Map<string, string>();
        const accepted = new Map<string, string>();
        const asked = new Set(stream.take().map(({ typeUrl }) => typeUrl));
        for (const [index, step] of run.entries()) {
          const nonce = `n${index}`;
          const wasAsked = asked.has(step.type);
          const configs = watch.configs.length;
          stream.respond(step.type, `v${index}`, nonce, resourcesOf(step));
          if (wasAsked) nonces.set(step.type, nonce);
          await mesh.settle();
          const requests = stream.take();
          const own = requests.filter(({ typeUrl }) => typeUrl === step.type);
          const isRefused = own[0]?.errorDetail !== undefined;
          if (wasAsked && !isRefused) accepted.set(step.type, `v${index}`);
          // Every response to a question is answered, and an error is told once.
          if (wasAsked) expect(own[0]?.responseNonce).toBe(nonce);
          expect(requests.filter(({ errorDetail }) => errorDetail !== undefined).length).toBeLessThanOrEqual(1);
          for (const { typeUrl, versionInfo, responseNonce, resourceNames } of requests) {
            expect(responseNonce).toBe(nonces.get(typeUrl) ?? "");
            expect(versionInfo).toBe(accepted.get(typeUrl) ?? "");
            if (typeUrl === LDS || typeUrl === CDS) expect(resourceNames).not.toHaveLength(0);
            asked.add(typeUrl);
          }
          // One response, one snapshot at most; and a snapshot is whole.
          expect(watch.configs.length - configs).toBeLessThanOrEqual(1);
          const config = watch.configs.at(-1);
          for (const { action } of config?.virtualHost.routes ?? []) {
            if (action.kind !== "forward") continue;
            for (const { name } of action.clusters) expect(config?.clusters.has(name)).toBe(true);
          }
        }
        mesh.client.close();
        expect(mesh.clock.pendingTimers).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

describe("any bytes", () => {
  it("end the stream or are answered, and throw nothing", async () => {
    const whole = toBinary(
      DiscoveryResponseSchema,
      create(DiscoveryResponseSchema, {
        typeUrl: LDS,
        versionInfo: "1",
        nonce: "n",
        resources: [listener("a:80", "r")],
      }),
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc
        .tuple(fc.nat(whole.length - 1), fc.nat(255))
        .map(([at, value]) => whole.map((byte, i) => (i === at ? value : byte))),
    );
    const mesh = createHarness();
    mesh.watch("a:80");
    await fc.assert(
      fc.asyncProperty(bytes, async (message) => {
        await mesh.clock.advance(120_000);
        mesh.ads.stream.accept();
        mesh.ads.stream.respondBytes(new Uint8Array(message));
        await mesh.settle();
      }),
      { numRuns: 150 },
    );
    mesh.client.close();
    expect(mesh.clock.pendingTimers).toBe(0);
  });
});
