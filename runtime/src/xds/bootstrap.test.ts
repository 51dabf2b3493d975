import { describe, expect, it } from "vitest";
import { parseBootstrap } from "./bootstrap.js";

const SERVER = { server_uri: "127.0.0.1:15010", channel_creds: [{ type: "insecure" }] };
const parse = (root: unknown) => parseBootstrap(JSON.stringify(root), "the file /etc/bootstrap.json");

/** An object within an object, `depth` of them. */
function nested(depth: number): object {
  let value: object = {};
  for (let level = 1; level < depth; level += 1) value = level % 2 === 0 ? [value] : { value };
  return depth % 2 === 0 ? value : { value };
}

describe("parseBootstrap", () => {
  it("reads what istio-agent writes", () => {
    const result = parse({
      xds_servers: [
        {
          server_uri: "unix:///etc/istio/proxy/XDS",
          channel_creds: [{ type: "google_default" }, { type: "insecure" }],
          server_features: ["xds_v3"],
        },
      ],
      node: {
        id: "sidecar~10.0.0.1~shop-1.default~default.svc.cluster.local",
        cluster: "shop",
        metadata: { GENERATOR: "grpc", LABELS: { app: "shop" } },
        locality: { region: "r", zone: "z", sub_zone: "s" },
      },
      certificate_providers: { default: { plugin_name: "file_watcher" } },
      client_default_listener_resource_name_template: "xds/%s",
    });
    expect(result).toMatchObject({
      kind: "ok",
      bootstrap: {
        servers: [{ uri: "unix:///etc/istio/proxy/XDS", features: ["xds_v3"] }],
        node: {
          id: "sidecar~10.0.0.1~shop-1.default~default.svc.cluster.local",
          cluster: "shop",
          metadata: { GENERATOR: "grpc", LABELS: { app: "shop" } },
          locality: { region: "r", zone: "z", subZone: "s" },
        },
        clientListenerTemplate: "xds/%s",
      },
    });
  });

  // grpc-js-xds failed every call when the locality was missing.
  it.for<{ name: string; node: unknown }>([
    { name: "no node", node: undefined },
    { name: "a node without locality", node: { id: "n" } },
    { name: "a locality of null", node: { id: "n", locality: null } },
    { name: "metadata of null", node: { id: "n", metadata: null } },
  ])("accepts $name", ({ node }) => {
    expect(parse({ xds_servers: [SERVER], node })).toMatchObject({
      kind: "ok",
      bootstrap: { node: { cluster: "", locality: undefined, metadata: {} }, clientListenerTemplate: "%s" },
    });
  });

  it.for<{ name: string; root: unknown; message: string }>([
    { name: "a list at the top", root: [], message: "must be a JSON object" },
    { name: "no servers", root: {}, message: "xds_servers: found nothing" },
    { name: "an empty list of servers", root: { xds_servers: [] }, message: "xds_servers: found []" },
    { name: "a server that is a text", root: { xds_servers: ["x"] }, message: 'xds_servers[0]: found "x"' },
    {
      name: "a second server without an address",
      root: { xds_servers: [SERVER, {}] },
      message: "xds_servers[1].server_uri: found nothing",
    },
    {
      name: "an address without a port",
      root: { xds_servers: [{ ...SERVER, server_uri: "istiod" }] },
      message: 'xds_servers[0].server_uri: found "istiod"',
    },
    {
      name: "no credentials",
      root: { xds_servers: [{ server_uri: "a:1" }] },
      message: "xds_servers[0].channel_creds: found nothing",
    },
    {
      name: "credentials that we don't have",
      root: { xds_servers: [{ ...SERVER, channel_creds: [{ type: "tls" }] }] },
      message: 'found [{"type":"tls"}]',
    },
    {
      name: "a node id that is a number",
      root: { xds_servers: [SERVER], node: { id: 1 } },
      message: "node.id: found 1",
    },
    {
      name: "metadata that is a list",
      root: { xds_servers: [SERVER], node: { metadata: [] } },
      message: "node.metadata: found []",
    },
    {
      name: "metadata that nests too deep (B3)",
      root: { xds_servers: [SERVER], node: { metadata: nested(41) } },
      message: "node.metadata: nests more than 40 deep",
    },
    {
      name: "metadata that nests much too deep (B3)",
      root: { xds_servers: [SERVER], node: { metadata: nested(2000) } },
      message: "node.metadata: nests more than 40 deep",
    },
    {
      name: "a template that is a number",
      root: { xds_servers: [SERVER], client_default_listener_resource_name_template: 1 },
      message: "template: found 1",
    },
  ])("refuses $name", ({ root, message }) => {
    expect(parse(root)).toEqual({ kind: "invalid", message: expect.stringContaining(message) });
    expect(parse(root)).toEqual({ kind: "invalid", message: expect.stringContaining("the file /etc/bootstrap.json") });
  });

  it("takes metadata that every reader takes", () => {
    expect(parse({ xds_servers: [SERVER], node: { metadata: nested(39) } }).kind).toBe("ok");
  });

  it.for<{ name: string; text: string; place: string }>([
    { name: "a missing comma", text: '{\n  "a": 1\n  "b": 2\n}', place: "3:3: " },
    { name: "a comma too many", text: '{"a": 1,\n}', place: "2:1: " },
    { name: "a word that is no value", text: '{\n  "node": x\n}', place: "2:11: " },
    { name: "a text that ends too early", text: '{"a": [1,\n 2', place: "2:3: " },
    { name: "a string without an end", text: '{"a": "b\n}', place: "1:9: " },
    { name: "a key without quotes", text: "{a: 1}", place: "1:2: " },
    { name: "a number that starts with 0", text: "[01]", place: "1:3: " },
    { name: "something behind the end", text: "{} x", place: "1:4: " },
    { name: "nothing", text: "", place: "1:1: " },
  ])("says where the JSON breaks: $name", ({ text, place }) => {
    expect(parseBootstrap(text, "X")).toEqual({
      kind: "invalid",
      message: expect.stringContaining(`is not JSON: ${place}`),
    });
  });
});
