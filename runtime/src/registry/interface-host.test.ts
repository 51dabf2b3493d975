import { create, createFileRegistry, type DescService, setExtension } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, ServiceOptionsSchema } from "@bufbuild/protobuf/wkt";
import { ServiceOptionsSchema as MeshOptionsSchema, service } from "@meshwright/proto/meshwright/options/v1/options_pb";
import { describe, expect, test } from "vitest";
import { interfaceHost, interfaceHostName } from "./interface-host.js";

function greeter(mesh?: { readonly host?: string; readonly port?: number }): DescService {
  const options = create(ServiceOptionsSchema);
  if (mesh !== undefined) setExtension(options, service, create(MeshOptionsSchema, mesh));
  const file = create(FileDescriptorProtoSchema, {
    name: "greet.proto",
    package: "acme.greet.v1",
    syntax: "proto3",
    service: [{ name: "GreeterService", options }],
  });
  return createFileRegistry(file, () => undefined).getService("acme.greet.v1.GreeterService") as DescService;
}

const DEFAULT_HOST = "acme.greet.v1.greeterservice.rpc.mesh";

describe("interfaceHost", () => {
  test.for([
    { name: "no option", mesh: undefined, host: DEFAULT_HOST, port: 80 },
    { name: "an empty option", mesh: {}, host: DEFAULT_HOST, port: 80 },
    { name: "a host alone", mesh: { host: "greeter.acme" }, host: "greeter.acme", port: 80 },
    { name: "a port alone", mesh: { port: 9090 }, host: DEFAULT_HOST, port: 9090 },
    { name: "host and port", mesh: { host: "greeter.acme", port: 9090 }, host: "greeter.acme", port: 9090 },
  ])("reads the service's option: $name", ({ mesh, host, port }) => {
    expect(interfaceHost(greeter(mesh))).toEqual({ host, port });
  });
});

describe("interfaceHostName", () => {
  test.for([
    { name: "lower case", typeName: "a.B", host: "a.b.rpc.mesh" },
    { name: "no package", typeName: "Echo", host: "echo.rpc.mesh" },
    { name: "underscores, which host names do not know", typeName: "a_b.C_D", host: "a-b.c-d.rpc.mesh" },
  ])("makes a host of a type name: $name", ({ typeName, host }) => {
    expect(interfaceHostName(typeName)).toBe(host);
  });
});
