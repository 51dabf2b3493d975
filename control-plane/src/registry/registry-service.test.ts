import { create } from "@bufbuild/protobuf";
import { Code, type HandlerContext } from "@connectrpc/connect";
import {
  Health,
  type RegisterRequest,
  RegisterRequestSchema,
  type RegisterResponse,
} from "@meshwright/proto/meshwright/registry/v1/registry_pb";
import { createVirtualClock } from "@meshwright/runtime/testing";
import { describe, expect, it } from "vitest";
import type { ControlPlaneEvent } from "../events.js";
import { PushQueue } from "../push-queue.js";
import { createRegistry } from "./registry-service.js";

const WORKLOAD = {
  name: "s1",
  address: "127.0.0.1",
  port: 1234,
  interfaces: ["acme.v1.Greeter"],
  labels: { version: "v1" },
};

function start() {
  const clock = createVirtualClock();
  const events: ControlPlaneEvent[] = [];
  const registry = createRegistry(
    clock,
    "default",
    () => {},
    (event) => events.push(event),
  );
  const handlers = registry.registration.implementation as unknown as {
    register(requests: AsyncIterable<RegisterRequest>, context: HandlerContext): AsyncGenerator<RegisterResponse>;
  };
  const register = () => {
    const requests = new PushQueue<RegisterRequest>();
    const context = { signal: new AbortController().signal } as HandlerContext;
    const responses = handlers.register(requests, context);
    const send = (workload?: Partial<typeof WORKLOAD> & { health?: Health }) => {
      requests.push(
        create(RegisterRequestSchema, workload === undefined ? {} : { workload: { ...WORKLOAD, ...workload } }),
      );
      return responses.next();
    };
    return { send, responses, end: () => requests.end() };
  };
  return { clock, events, registry, register, names: () => registry.registrations.workloads.map(({ name }) => name) };
}

describe("RegistryService", () => {
  it("knows a server by its interfaces and labels for as long as its stream is open", async () => {
    const { registry, register, events, names } = start();
    const { send, responses, end } = register();
    expect((await send({})).value).toMatchObject({ leaseMs: 15_000 });
    expect(registry.registrations.workloads[0]).toMatchObject({
      name: "s1",
      labels: { version: "v1", "rpc.meshwright.dev/acme.v1.Greeter": "1" },
      weight: 1,
      isDraining: false,
    });
    end();
    await responses.next();
    expect(names()).toEqual([]);
    expect(events.map(({ kind }) => kind)).toEqual(["registered", "unregistered"]);
    expect([...registry.registrations.interfaces]).toEqual(["acme.v1.Greeter"]);
  });

  it("forgets a server that does not renew within its lease", async () => {
    const { clock, register, names } = start();
    const { send, responses } = register();
    await send({});
    const failure = responses.next().catch((error: unknown) => error);
    await clock.advance(14_999);
    expect(names()).toEqual(["s1"]);
    await clock.advance(1);
    expect(await failure).toMatchObject({ code: Code.DeadlineExceeded, rawMessage: "no renewal came within 15000 ms" });
    expect(names()).toEqual([]);
  });

  it("keeps a server that renews, and takes news of its health", async () => {
    const { clock, registry, register, names } = start();
    const { send } = register();
    await send({});
    for (let renewal = 0; renewal < 3; renewal += 1) {
      await clock.advance(10_000);
      await send();
    }
    expect(names()).toEqual(["s1"]);
    await send({ health: Health.DRAINING });
    expect(registry.registrations.workloads[0]?.isDraining).toBe(true);
  });

  it("lets a second stream take a name over, whatever becomes of the first", async () => {
    const { registry, register } = start();
    const first = register();
    await first.send({});
    await register().send({ address: "127.0.0.2" });
    first.end();
    await first.responses.next();
    expect(registry.registrations.workloads.map(({ address }) => address)).toEqual(["127.0.0.2"]);
  });

  it.for([
    { name: "no workload", workload: undefined, message: "the first request must carry a workload" },
    { name: "no name", workload: { name: "" }, message: "workload.name is empty" },
    { name: "no address", workload: { address: "" }, message: 'workload "s1": address is empty' },
    { name: "no port", workload: { port: 0 }, message: 'workload "s1": port 0 must be in 1 to 65535' },
    {
      name: "no interfaces",
      workload: { interfaces: [] },
      message: 'workload "s1": interfaces is empty, expected one at least',
    },
  ])("refuses $name", async ({ workload, message }) => {
    const { register, names } = start();
    await expect(register().send(workload)).rejects.toMatchObject({ code: Code.InvalidArgument, rawMessage: message });
    expect(names()).toEqual([]);
  });
});
