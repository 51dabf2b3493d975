import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { chooseBootstrap } from "./bootstrap-source.js";

const folder = mkdtempSync(join(tmpdir(), "meshwright-bootstrap-"));
afterAll(() => rmSync(folder, { recursive: true }));

const server = (uri: string) => ({ xds_servers: [{ server_uri: uri, channel_creds: [{ type: "insecure" }] }] });
const choose = (options: Partial<Parameters<typeof chooseBootstrap>[0]>) =>
  chooseBootstrap({ env: {}, nodeId: "me", ...options }).bootstrap.servers[0]?.uri;

describe("chooseBootstrap", () => {
  const file = join(folder, "bootstrap.json");
  writeFileSync(file, JSON.stringify(server("file:1")));
  const env = { GRPC_XDS_BOOTSTRAP: file, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(server("text:1")) };

  it.for([
    {
      from: "the option before all",
      options: { bootstrap: server("option:1"), controlPlane: "short:1", env },
      uri: "option:1",
    },
    { from: "the address before the environment", options: { controlPlane: "short:1", env }, uri: "short:1" },
    { from: "the file before the text", options: { env }, uri: "file:1" },
    { from: "the text", options: { env: { GRPC_XDS_BOOTSTRAP_CONFIG: env.GRPC_XDS_BOOTSTRAP_CONFIG } }, uri: "text:1" },
    { from: "the embedded default", options: {}, uri: "127.0.0.1:15010" },
  ])("takes $from", ({ options, uri }) => {
    expect(choose(options)).toBe(uri);
  });

  it.for([
    {
      what: "a file that is missing",
      options: { env: { GRPC_XDS_BOOTSTRAP: "/nowhere/b.json" } },
      message:
        /GRPC_XDS_BOOTSTRAP: can't read "\/nowhere\/b.json": ENOENT.*point the variable at a bootstrap file, or unset it/,
    },
    {
      what: "a text that is not JSON, with line and column",
      options: { env: { GRPC_XDS_BOOTSTRAP_CONFIG: '{\n  "xds_servers": [,]\n}' } },
      message: /xDS bootstrap \(GRPC_XDS_BOOTSTRAP_CONFIG\).*2:\d+/,
    },
    {
      what: "an option without servers",
      options: { bootstrap: {} },
      message: /xDS bootstrap \(option bootstrap\).*xds_servers.*found nothing, expected/,
    },
    {
      what: "an address that is none",
      options: { controlPlane: "localhost" },
      message: 'option controlPlane: "localhost" is not an address; expected host:port, [ipv6]:port or unix:/path',
    },
  ])("refuses $what", ({ options, message }) => {
    expect(() => choose(options)).toThrow(message);
  });
});
