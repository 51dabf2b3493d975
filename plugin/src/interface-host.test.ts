import { create, setExtension } from "@bufbuild/protobuf";
import { MethodOptionsSchema, ServiceOptionsSchema } from "@bufbuild/protobuf/wkt";
import { method, service } from "@meshwright/proto/meshwright/options/v1/options_pb";
import { describe, expect, it } from "vitest";
import { crafted, only, run, serviceOf } from "../test/crafted.js";

function withOptions(options: { host?: string; port?: number; timeoutMs?: number }, name = "GreeterService") {
  const serviceOptions = create(ServiceOptionsSchema);
  const { timeoutMs, ...rest } = options;
  setExtension(serviceOptions, service, {
    $typeName: "meshwright.options.v1.ServiceOptions",
    host: "",
    port: 0,
    ...rest,
  });
  const methodOptions = create(MethodOptionsSchema);
  if (timeoutMs !== undefined) {
    setExtension(methodOptions, method, { $typeName: "meshwright.options.v1.MethodOptions", timeoutMs });
  }
  const init = serviceOf(name, ["Get"]);
  const methods = (init.method ?? []).map((one) => ({ ...one, options: methodOptions }));
  return crafted([{ service: [{ name, options: serviceOptions, method: methods }] }]);
}

const label = (length: number): string => "l".repeat(length);

describe("interfaceHost", () => {
  it("is the lower-case name under rpc.mesh, with - for _, at port 80", () => {
    const code = only(crafted([{ package: "Acme.a_b", service: [serviceOf("Get_Service", ["Get"], "Acme.a_b")] }]));
    expect(code).toContain('  host: "acme.a-b.get-service.rpc.mesh",\n  port: 80,');
  });

  it.for([
    { name: "host and port", options: { host: "a.b", port: 65_535 }, lines: '  host: "a.b",\n  port: 65535,' },
    { name: "the port alone", options: { port: 1 }, lines: '  host: "acme.p0.greeterservice.rpc.mesh",\n  port: 1,' },
    { name: "the longest label", options: { host: label(63) }, lines: `  host: "${label(63)}",` },
  ])("takes $name from the options", ({ options, lines }) => {
    expect(only(withOptions(options))).toContain(lines);
  });

  it.for([
    { name: "a label too long", host: `${label(64)}.mesh`, message: `has the label "${label(64)}" of 64 characters` },
    { name: "a host too long", host: Array(5).fill(label(60)).join("."), message: "has 304 characters" },
    { name: "upper case", host: "A.mesh", message: 'has the label "A", which is not a host name' },
    { name: "a dot at the end", host: "a.", message: 'has the label "", which is not a host name' },
    { name: "a hyphen at the end", host: "a-.b", message: 'has the label "a-", which is not a host name' },
    { name: "a port in the host", host: "a:80", message: 'has the label "a:80", which is not a host name' },
    { name: "code in the host", host: '"; alert(1); "', message: 'has the label ""; alert(1); ""' },
  ])("refuses $name", ({ host, message }) => {
    const { error, file } = run(withOptions({ host }));
    expect(error).toContain(`acme/f0.proto: service acme.p0.GreeterService: mesh host "${host}" ${message}`);
    expect(error).toContain("set option (meshwright.options.v1.service).host to lower-case labels");
    expect(file).toEqual([]);
  });

  it("refuses a name that gives no host, and says which option helps", () => {
    expect(run(withOptions({}, label(70))).error).toContain("set option (meshwright.options.v1.service).host");
    expect(run(withOptions({}, "_Greeter")).error).toContain('has the label "-greeter"');
  });

  it("refuses a port out of range", () => {
    expect(run(withOptions({ port: 65_536 })).error).toContain("port: 65536 must be in 1 to 65535");
  });
});

describe("methodTimeoutMs", () => {
  it("is that of the options, 0 is none", () => {
    expect(only(withOptions({ timeoutMs: 250 }))).toContain("      timeoutMs: 250,");
    expect(only(withOptions({ timeoutMs: 0 }))).not.toContain("timeoutMs");
    expect(only(withOptions({}))).not.toContain("timeoutMs");
  });

  it("refuses one that no timer keeps", () => {
    expect(run(withOptions({ timeoutMs: 2 ** 31 })).error).toContain(
      "method acme.p0.GreeterService.Get: option (meshwright.options.v1.method).timeout_ms: 2147483648 must be at most",
    );
  });
});
