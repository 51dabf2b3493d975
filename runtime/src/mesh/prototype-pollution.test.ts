import { fromBinary } from "@bufbuild/protobuf";
import { DiscoveryRequestSchema } from "@meshwright/proto/envoy/service/discovery/v3/discovery_pb";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HeaderFields } from "../http2/types.js";
import { compileRoutes } from "../route/route-table.js";
import { binaryFault, fieldsToHeaders, headersToFields, lookup, userMetadata } from "../rpc/metadata.js";
import { readResponseHeaders, readTrailers } from "../rpc/status.js";
import { createVirtualClock } from "../testing/virtual-clock.js";
import { createXdsClient } from "../xds/client.js";
import { createHarness } from "../xds/test/harness.js";
import { CDS, cluster, EDS, endpoints, LDS, listener, RDS, routesTo } from "../xds/test/resources.js";
import { chooseBootstrap } from "./bootstrap-source.js";

const NAMES = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"];
const hostile = fc.constantFrom(...NAMES);

/** JSON text whose members may have any of the names, at any depth; an object literal would lose `__proto__`. */
const json = fc.letrec<{ value: string; object: string }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, fc.constantFrom("1", '"x"', "null", "true", "[]"), tie("object")),
  object: fc
    .array(fc.tuple(fc.oneof(hostile, fc.constantFrom("a", "polluted")), tie("value")), { maxLength: 4 })
    .map((members) => `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`),
}));

const fields = fc
  .array(
    fc.tuple(
      fc.oneof(
        hostile.map((name) => name.toLowerCase()),
        hostile.map((name) => `${name.toLowerCase()}-bin`),
        fc.constantFrom("grpc-status", "grpc-message", "grpc-status-details-bin", ":status", "x-a"),
      ),
      fc.constantFrom("0", "5", "__proto__", "YQ==", '{"__proto__":{"polluted":1}}', "constructor"),
    ),
  )
  .map((pairs): HeaderFields => pairs.flat());

/** What every object has. */
const snapshot = () =>
  [Object.prototype, Array.prototype, Function.prototype, Map.prototype].flatMap((object) =>
    Reflect.ownKeys(object).map((key) => {
      const { value, get, set } = Object.getOwnPropertyDescriptor(object, key) ?? {};
      return { key, value, get, set };
    }),
  );

let before: ReturnType<typeof snapshot>;

beforeEach(() => {
  before = snapshot();
});

afterEach(() => {
  const after = snapshot();
  expect(after.map(({ key }) => key)).toEqual(before.map(({ key }) => key));
  const isSame = after.every(({ value, get, set }, index) => {
    const then = before[index];
    return Object.is(value, then?.value) && get === then?.get && set === then?.set;
  });
  expect(isSame).toBe(true);
});

describe("names that every object has", () => {
  it("B5: are metadata like any other", () => {
    fc.assert(
      fc.property(fields, (list) => {
        const headers = fieldsToHeaders(list);
        for (const name of NAMES.map((each) => each.toLowerCase())) {
          const expected = list.flatMap((field, index) => (index % 2 === 0 && field === name ? [list[index + 1]] : []));
          expect(headers.get(name)).toBe(expected.length === 0 ? null : expected.join(", "));
          expect(lookup(list, name)).toBe(expected.length === 0 ? undefined : expected.join(","));
        }
        userMetadata(list);
        headersToFields(headers);
        binaryFault(list);
        readTrailers(list);
        readResponseHeaders(list);
      }),
    );
  });

  it("B5: are metadata also when a user gives them as an object", () => {
    const headers = JSON.parse('{"__proto__":"1","constructor":"2"}') as Record<string, string>;
    expect(headersToFields(headers)).toEqual(["__proto__", "1", "constructor", "2"]);
  });

  it("B5: are members of a bootstrap like any other, up to the first request", async () => {
    await fc.assert(
      fc.asyncProperty(json.object, json.object, async (root, metadata) => {
        const server = '{"server_uri":"127.0.0.1:1","channel_creds":[{"type":"insecure"}]}';
        const node = `{"id":"n","metadata":${metadata},"__proto__":${root}}`;
        const text = `{"xds_servers":[${server}],"node":${node},"constructor":${root},"__proto__":${root}}`;
        const { bootstrap } = chooseBootstrap({ bootstrap: text, env: {}, nodeId: "n" });
        const clock = createVirtualClock();
        const sent: Uint8Array[] = [];
        const client = createXdsClient({
          bootstrap,
          transport: {
            open: (handler) => {
              clock.defer(() => handler.onOpen());
              return { send: (bytes) => sent.push(bytes), close: () => {} };
            },
          },
          clock,
          rng: () => 0.5,
          onEvent: () => {},
        });
        client.watch("a:80", { onConfig: () => {}, onError: () => {} });
        await clock.advance(0);
        expect(fromBinary(DiscoveryRequestSchema, sent[0] ?? new Uint8Array(0)).node?.id).toBe("n");
        client.close();
      }),
      { numRuns: 50 },
    );
  });

  it("B4: name xDS resources like any other", async () => {
    const mesh = createHarness();
    const watch = mesh.watch("a:80");
    await mesh.settle();
    mesh.ads.stream.accept();
    for (const [type, ...resources] of [
      [LDS, listener("a:80", "__proto__")],
      [RDS, routesTo("__proto__", ...NAMES)],
      [CDS, ...NAMES.map((name) => cluster(name))],
      [EDS, ...NAMES.map((name, index) => endpoints(name, index + 1))],
    ] as const) {
      mesh.ads.stream.respond(type, "1", `n-${type}`, resources);
      await mesh.settle();
    }
    expect([...watch.config.clusters].map(([name, { kind }]) => [name, kind])).toEqual(
      NAMES.map((name) => [name, "ready"]),
    );
    const table = compileRoutes(watch.config.virtualHost, {}, (name) => name);
    for (const name of NAMES) {
      const decision = table.match({ path: `/${name}`, header: () => undefined }, () => 0);
      expect(decision).toMatchObject({ kind: "forward", cluster: name });
    }
    mesh.client.close();
  });
});
