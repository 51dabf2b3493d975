import { create } from "@bufbuild/protobuf";
import {
  Health,
  type RegisterRequest,
  RegisterResponseSchema,
} from "@meshwright/proto/meshwright/registry/v1/registry_pb";
import { beforeEach, describe, expect, it } from "vitest";
import { createVirtualClock, type VirtualClock } from "../testing/virtual-clock.js";
import { createControlPlaneRegistrar, type OpenRegistryStream, type RegistryEvent } from "./control-plane-registrar.js";
import type { Registration, RegistrationHandle } from "./registrar.js";

const REGISTRATION: Registration = {
  name: "greeter-1",
  address: "10.0.0.7",
  port: 8080,
  interfaces: ["acme.greet.v1.GreeterService"],
  labels: { version: "v1" },
  weight: 3,
  locality: { region: "eu", zone: "a", subZone: "" },
};

/** A registry that answers every request, until it is told to fail. */
class FakeRegistry {
  /** The requests of each stream that was opened. */
  readonly streams: RegisterRequest[][] = [];
  open = 0;
  failure: Error | undefined;
  #break: ((error: Error | undefined) => void) | undefined;

  /** Ends the stream: in order, or with an error. */
  end(error?: Error): void {
    this.#break?.(error);
  }

  readonly stream: OpenRegistryStream = (requests, signal) => this.#serve(requests[Symbol.asyncIterator](), signal);

  async *#serve(requests: AsyncIterator<RegisterRequest>, signal: AbortSignal) {
    const seen: RegisterRequest[] = [];
    this.streams.push(seen);
    if (this.failure !== undefined) throw this.failure;
    this.open += 1;
    const broken = new Promise<"end">((resolve, reject) => {
      this.#break = (error) => (error === undefined ? resolve("end") : reject(error));
      signal.addEventListener("abort", () => reject(new Error("aborted")));
    });
    broken.catch(() => {});
    try {
      while (true) {
        const next = await Promise.race([requests.next(), broken]);
        if (next === "end" || next.done === true) return;
        seen.push(next.value);
        yield create(RegisterResponseSchema, { leaseMs: 9000 });
      }
    } finally {
      this.open -= 1;
    }
  }
}

let clock: VirtualClock;
let registry: FakeRegistry;
let events: RegistryEvent[];

beforeEach(() => {
  clock = createVirtualClock();
  registry = new FakeRegistry();
  events = [];
});

async function register(): Promise<RegistrationHandle> {
  const registrar = createControlPlaneRegistrar({
    open: registry.stream,
    isUnsupported: (error) => error instanceof Error && error.message === "unimplemented",
    clock,
    rng: () => 0.5,
    onEvent: (event) => events.push(event),
  });
  const handle = await registrar.register(REGISTRATION);
  await clock.advance(0);
  return handle;
}

/** Ends a registration; nothing may be left over. */
async function close(handle: RegistrationHandle): Promise<void> {
  handle.close();
  await clock.advance(0);
  expect(clock.pendingTimers).toBe(0);
  expect(registry.open).toBe(0);
}

describe("createControlPlaneRegistrar", () => {
  it("registers the whole workload and resolves with the registry's answer", async () => {
    const handle = await register();
    expect(events).toEqual([{ kind: "registered", name: "greeter-1" }]);
    expect(registry.streams[0]?.[0]?.workload).toMatchObject({ ...REGISTRATION, health: Health.SERVING });
    await close(handle);
  });

  it("renews at a third of the lease, with requests that repeat nothing", async () => {
    const handle = await register();
    await clock.advance(2999);
    expect(registry.streams[0]).toHaveLength(1);
    await clock.advance(1);
    expect(registry.streams[0]).toHaveLength(2);
    await clock.advance(6000);
    expect(registry.streams[0]).toHaveLength(4);
    expect(registry.streams[0]?.at(-1)?.workload).toBeUndefined();
    expect(events).toHaveLength(1);
    await close(handle);
  });

  it("registers again 100 ms after the stream was lost", async () => {
    const handle = await register();
    registry.end(new Error("connection reset"));
    await clock.advance(99);
    expect(registry.streams).toHaveLength(1);
    await clock.advance(1);
    expect(registry.streams[1]?.[0]?.workload?.name).toBe("greeter-1");
    expect(events.map(({ kind }) => kind)).toEqual(["registered", "lost", "registered"]);
    expect(events[1]).toMatchObject({ reason: "connection reset" });
    await close(handle);
  });

  it("registers again after the control plane ended the stream in order", async () => {
    const handle = await register();
    registry.end();
    await clock.advance(100);
    expect(registry.streams).toHaveLength(2);
    expect(events[1]).toMatchObject({ kind: "lost", reason: "the control plane ended the stream" });
    await close(handle);
  });

  it("waits 1.6 times longer after each failure, up to 5 s, and starts over after a success", async () => {
    registry.failure = new Error("refused");
    const handle = await register();
    const waits: number[] = [];
    for (let failure = 0, at = clock.nowMs(); failure < 10; failure += 1) {
      const before = registry.streams.length;
      while (registry.streams.length === before) await clock.advance(2);
      waits.push(clock.nowMs() - at);
      at = clock.nowMs();
    }
    const expected = waits.map((_, failure) => Math.min(100 * 1.6 ** failure, 5000));
    for (const [index, waitMs] of waits.entries()) expect(Math.abs(waitMs - (expected[index] ?? 0))).toBeLessThan(5);
    registry.failure = undefined;
    await clock.advance(5000);
    expect(events.at(-1)?.kind).toBe("registered");
    const before = registry.streams.length;
    registry.end();
    await clock.advance(100);
    expect(registry.streams).toHaveLength(before + 1);
    await close(handle);
  });

  it("resolves when the first attempt fails, and goes on in the background", async () => {
    registry.failure = new Error("refused");
    const handle = await register();
    expect(events).toEqual([{ kind: "lost", name: "greeter-1", reason: "refused" }]);
    registry.failure = undefined;
    await clock.advance(100);
    expect(events.at(-1)?.kind).toBe("registered");
    await close(handle);
  });

  it("stops when the control plane has no registry", async () => {
    registry.failure = new Error("unimplemented");
    const handle = await register();
    expect(events).toEqual([{ kind: "unsupported", name: "greeter-1", reason: "unimplemented" }]);
    await clock.advance(60_000);
    expect(registry.streams).toHaveLength(1);
    await handle.drain();
    await close(handle);
  });

  it("drains by a registration that says so, and resolves when the registry took note", async () => {
    const handle = await register();
    await handle.drain();
    expect(registry.streams[0]?.map(({ workload }) => workload?.health)).toEqual([Health.SERVING, Health.DRAINING]);
    await close(handle);
  });

  it("stays draining when it has to register again", async () => {
    const handle = await register();
    await handle.drain();
    registry.end(new Error("lost"));
    await clock.advance(100);
    expect(registry.streams[1]?.[0]?.workload?.health).toBe(Health.DRAINING);
    await close(handle);
  });

  it("does not wait for a drain that the registry can't hear", async () => {
    const handle = await register();
    registry.failure = new Error("refused");
    registry.end(new Error("lost"));
    await clock.advance(0);
    await handle.drain();
    await close(handle);
  });

  it("ends the stream when it is closed, and reports nothing any more", async () => {
    const handle = await register();
    await close(handle);
    await clock.advance(60_000);
    expect(events).toHaveLength(1);
    expect(registry.streams).toHaveLength(1);
  });

  it("stops trying when it is closed during a backoff", async () => {
    registry.failure = new Error("refused");
    const handle = await register();
    await close(handle);
    await clock.advance(60_000);
    expect(registry.streams).toHaveLength(1);
  });
});
