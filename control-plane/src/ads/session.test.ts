import { create } from "@bufbuild/protobuf";
import {
  DiscoveryRequestSchema,
  type DiscoveryResponse,
} from "@meshwright/proto/envoy/service/discovery/v3/discovery_pb";
import { describe, expect, it } from "vitest";
import { DEFAULTS, GREETER, modelOf, virtualService } from "../../test/support.js";
import { servedTypes } from "../xds/resource-source.js";
import { AdsSession } from "./session.js";

const TYPES = servedTypes(DEFAULTS);
const url = (label: string): string => TYPES.find((type) => type.label === label)?.typeUrl ?? label;
const V1 = "outbound|80|v1|greeter.mesh";
const V2 = "outbound|80|v2|greeter.mesh";
const ROUTES = "outbound|80||greeter.mesh";
const to = (subset: string): string =>
  `${GREETER}---\n${virtualService(`    - route: [{destination: {host: greeter.mesh, subset: ${subset}}}]\n`)}`;

function start(text = to("v1")) {
  const session = new AdsSession(TYPES, modelOf(text), "1");
  const ask = (label: string, names: string[], answer?: DiscoveryResponse, error?: string): DiscoveryResponse[] => {
    const outcome = session.onRequest(
      create(DiscoveryRequestSchema, {
        node: { id: "me" },
        typeUrl: url(label),
        resourceNames: names,
        ...(answer === undefined ? {} : { responseNonce: answer.nonce, versionInfo: answer.versionInfo }),
        ...(error === undefined ? {} : { errorDetail: { code: 3, message: error } }),
      }),
    );
    return outcome.kind === "respond" ? [...outcome.responses] : [];
  };
  return { session, ask };
}

const countOf = (responses: readonly DiscoveryResponse[]): number[] =>
  responses.map(({ resources }) => resources.length);

describe("AdsSession", () => {
  it("wants to know who asks", () => {
    const { session } = start();
    expect(session.onRequest(create(DiscoveryRequestSchema, { typeUrl: url("cluster") }))).toEqual({
      kind: "invalid",
      message: "the first request must carry node.id",
    });
  });

  it("answers what was asked for, and takes the acknowledgement in silence", () => {
    const { session, ask } = start();
    const [answer] = ask("cluster", [V1]);
    expect(answer).toMatchObject({ typeUrl: url("cluster"), versionInfo: "1" });
    expect(ask("cluster", [V1], answer)).toEqual([]);
    expect(session.status).toMatchObject([
      { type: "cluster", names: [V1], sentVersion: "1", ackedVersion: "1", problem: "" },
    ]);
  });

  it("sends all clusters again for a new name, but only the new endpoints", () => {
    const { ask } = start();
    const [cluster] = ask("cluster", [V1]);
    expect(countOf(ask("cluster", [V1, V2], cluster))).toEqual([2]);
    const [endpoints] = ask("endpoints", [V1]);
    expect(countOf(ask("endpoints", [V1, V2], endpoints))).toEqual([1]);
    expect(ask("endpoints", [V2])).toEqual([]);
  });

  it("tells a client again what it gave up and asks for again", () => {
    const { ask } = start();
    const [first] = ask("endpoints", [V1]);
    const [second] = ask("endpoints", [V2], first);
    expect(countOf(ask("endpoints", [V1], second))).toEqual([1]);
  });

  it("ignores an answer to a response that a newer one has overtaken", () => {
    const { ask } = start();
    const [first] = ask("cluster", [V1]);
    const [second] = ask("cluster", [V1, V2], first);
    expect(ask("cluster", [], first)).toEqual([]);
    expect(ask("cluster", [V1], second)).toEqual([]);
  });

  it("remembers why a client refused a response, and what it still uses", () => {
    const { session, ask } = start();
    const [first] = ask("cluster", [V1]);
    ask("cluster", [V1], first);
    const [second] = ask("cluster", [V1, V2], first);
    expect(ask("cluster", [V1, V2], second, "no")).toEqual([]);
    expect(session.status).toMatchObject([{ ackedVersion: "1", problem: "no" }]);
  });

  it("says nothing when a new model changes nothing that the client has", () => {
    const { session, ask } = start();
    ask("cluster", [V1]);
    ask("routes", [ROUTES]);
    expect(session.onModel(modelOf(to("v1")), "2")).toEqual([]);
  });

  it("pushes what changed, clusters and endpoints before listeners and routes", () => {
    const { session, ask } = start();
    ask("routes", [ROUTES]);
    ask("listener", ["greeter.mesh:80", "other.mesh:80"]);
    ask("endpoints", [V1]);
    ask("cluster", [V1]);
    const changed = to("v2").replaceAll("10.0.0.1", "10.0.0.9");
    expect(session.onModel(modelOf(changed), "2").map(({ typeUrl }) => typeUrl)).toEqual([
      url("endpoints"),
      url("routes"),
    ]);
    const policy = "  trafficPolicy: {loadBalancer: {simple: RANDOM}}\n  subsets:";
    const other = `${changed.replace("  subsets:", policy)}---\n${GREETER.split("---")[0]?.replaceAll("greeter", "other")}`;
    expect(session.onModel(modelOf(other), "3").map(({ typeUrl }) => typeUrl)).toEqual([
      url("cluster"),
      url("listener"),
    ]);
  });

  it("tells by absence that a cluster is gone", () => {
    const { session, ask } = start();
    ask("cluster", [V1]);
    expect(countOf(session.onModel(modelOf(""), "2"))).toEqual([0]);
  });

  it("takes no names as all listeners, and as no clusters", () => {
    const { ask } = start();
    expect(countOf(ask("listener", []))).toEqual([1]);
    expect(countOf(ask("cluster", []))).toEqual([0]);
  });

  it("leaves a client that asks for something else waiting", () => {
    expect(start().ask("type.googleapis.com/envoy.unknown", ["x"])).toEqual([]);
  });
});
