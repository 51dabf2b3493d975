import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createControlPlane } from "@meshwright/control-plane";
import { createInteropClient, interopService } from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
import { InteropService } from "@meshwright/interop/gen/meshwright/interop/v1/interop_pb";
import { interopHandlers } from "@meshwright/interop/handlers";
import { createMesh, type MeshEvent } from "@meshwright/runtime";
import { describe, expect, it } from "vitest";

async function failureOf(work: Promise<unknown>): Promise<ConnectError> {
  try {
    await work;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("expected a failure");
}

describe("createMesh", () => {
  it("fails calls with the reason while the control plane can't be reached, and tells it once", async () => {
    const events: MeshEvent[] = [];
    await using mesh = await createMesh({ controlPlane: "127.0.0.1:1", onEvent: (event) => events.push(event) });
    const error = await failureOf(createInteropClient(mesh).unary({ text: "x" }));
    expect(error.code).toBe(Code.Unavailable);
    expect(error.message).toMatch(/can't connect to 127\.0\.0\.1:1: connection refused: nobody listens there/);
    expect(error.message).toContain("[xds node id: ");
    expect(events).toMatchObject([{ kind: "disconnected", controlPlane: "127.0.0.1:1" }]);
    expect(mesh.status.controlPlane.failure).toContain("connection refused");
  });

  it("fails calls to an interface that nobody serves, by name", async () => {
    await using controlPlane = await createControlPlane({ listen: "127.0.0.1:0" });
    await using mesh = await createMesh({ controlPlane: controlPlane.address });
    await using _server = await mesh.serve({ port: 0, services: [interopService(interopHandlers)] });
    await createInteropClient(mesh).unary({ text: "x" });
    await _server.close();
    const error = await failureOf(createInteropClient(mesh).unary({ text: "x" }, { timeoutMs: 5_000 }));
    expect(error.code).toBe(Code.Unavailable);
    expect(error.message).toContain("no healthy endpoint is known");
  });

  it("keeps calling with the last good configuration when the control plane has gone", async () => {
    const controlPlane = await createControlPlane({ listen: "127.0.0.1:0" });
    await using mesh = await createMesh({ controlPlane: controlPlane.address, onEvent: () => {} });
    await using _server = await mesh.serve({ port: 0, services: [interopService(interopHandlers)] });
    const client = createInteropClient(mesh);
    await client.unary({ text: "before" });
    await controlPlane.close();
    expect((await client.unary({ text: "after" })).text).toBe("after");
  });

  it("runs interceptors around generated stubs and around Connect clients", async () => {
    const seen: string[] = [];
    const interceptor: Interceptor = (next) => (request) => {
      seen.push(`${request.stream ? "stream" : "unary"} ${request.url}`);
      request.header.set("x-echo-by", "interceptor");
      return next(request);
    };
    await using controlPlane = await createControlPlane({ listen: "127.0.0.1:0" });
    await using mesh = await createMesh({ controlPlane: controlPlane.address, interceptors: [interceptor] });
    await using _server = await mesh.serve({ port: 0, services: [interopService(interopHandlers)] });
    let by: string | null = null;
    const onHeader = (headers: Headers): void => {
      by = headers.get("x-echo-by");
    };
    await createInteropClient(mesh).unary({ text: "x" }, { onHeader });
    expect(by).toBe("interceptor");
    for await (const _ of createClient(InteropService, mesh.transport()).serverStream({ text: "x", count: 1 }));
    const url = "http://meshwright.interop.v1.interopservice.rpc.mesh:80/meshwright.interop.v1.InteropService";
    expect(seen).toEqual([`unary ${url}/Unary`, `stream ${url}/ServerStream`]);
  });

  it("says which address is in use and what to do", async () => {
    await using controlPlane = await createControlPlane({ listen: "127.0.0.1:0" });
    await using mesh = await createMesh({ controlPlane: controlPlane.address });
    const options = { services: [interopService(interopHandlers)], port: 0 };
    await using server = await mesh.serve(options);
    const port = Number(server.address.split(":")[1]);
    await expect(mesh.serve({ ...options, port })).rejects.toThrow(
      `can't listen on ${server.address}: the address is in use by another process; choose another port, or 0 for a free one`,
    );
  });

  it("drains a server without losing a call", async () => {
    await using controlPlane = await createControlPlane({ listen: "127.0.0.1:0" });
    await using mesh = await createMesh({ controlPlane: controlPlane.address });
    const serve = (name: string) =>
      mesh.serve({ port: 0, services: [interopService(interopHandlers)], registration: { name } });
    const leaving = await serve("leaving");
    await using _staying = await serve("staying");
    const client = createInteropClient(mesh);
    await client.unary({ text: "warm" });
    const calls = Array.from({ length: 50 }, () => client.unary({ text: "x", delayMs: 20 }));
    const closed = leaving.close();
    for (let index = 0; index < 50; index += 1) calls.push(client.unary({ text: "x" }));
    await closed;
    expect((await Promise.allSettled(calls)).filter(({ status }) => status === "rejected")).toEqual([]);
  });
});
