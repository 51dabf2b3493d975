import { describe, expect, it } from "vitest";
import { Project } from "../test/buf.js";
import { meshwrightPlugin } from "./plugin.js";

const FILE = "proto/acme/test/v1/test.proto";

/** The code for a proto file with this body. */
function stub(body: string): string {
  using project = new Project({
    [FILE]: `syntax = "proto3";
package acme.test.v1;
import "meshwright/options/v1/options.proto";
message Request { string name = 1; }
message Response { string text = 1; }
${body}
`,
  });
  const { error, file } = meshwrightPlugin.run(project.request());
  expect(error).toBe("");
  return file[0]?.content ?? "";
}

describe("generated code", () => {
  const code = stub(`
// Does things.
service ThingService {
  // One thing.
  rpc One(Request) returns (Response) { option idempotency_level = IDEMPOTENT; }
  rpc Down(Request) returns (stream Response);
  rpc Up(stream Request) returns (Response);
  rpc Both(stream Request) returns (stream Response);
}`);

  it("has a client interface with the proto's comments for all four kinds", () => {
    expect(code).toContain("export interface ThingClient {");
    expect(code).toContain(" * Does things.");
    expect(code).toContain("   * One thing.");
    expect(code).toContain(
      "  one(request: MessageInitShape<typeof RequestSchema>, options?: CallOptions): Promise<Response>;",
    );
    expect(code).toContain("options?: CallOptions): AsyncIterable<Response>;");
    expect(code).toContain("up(request: AsyncIterable<MessageInitShape<typeof RequestSchema>>");
  });

  it("has the factory, the handlers, paths, kinds and the mesh constants", () => {
    expect(code).toContain("export function createThingClient(mesh: ClientMesh): ThingClient {");
    expect(code).toContain("export function thingService(handlers: ThingHandlers)");
    expect(code).toContain('  one: "/acme.test.v1.ThingService/One",');
    expect(code).toContain('  both: "bidi_streaming",');
    expect(code).toContain('  host: "acme.test.v1.thingservice.rpc.mesh",');
    expect(code).toMatch(/one: \{\n.*\n.*\n {6}idempotent: true,/);
    expect(code).toMatch(/down: \{\n.*\n.*\n {6}idempotent: false,/);
  });

  it("takes host, port and timeout from the proto's options", () => {
    const configured = stub(`
service ThingService {
  option (meshwright.options.v1.service) = {host: "things.shop.svc.cluster.local", port: 8080};
  rpc One(Request) returns (Response) { option (meshwright.options.v1.method).timeout_ms = 250; }
}`);
    expect(configured).toContain('  host: "things.shop.svc.cluster.local",\n  port: 8080,');
    expect(configured).toContain("      timeoutMs: 250,");
  });
});
