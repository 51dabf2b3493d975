import { mkdtemp, rename, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, type ControlPlaneEvent, createControlPlane } from "@meshwright/control-plane";
import { interopMesh, interopService } from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
import { interopHandlers } from "@meshwright/interop/handlers";
import { createMesh } from "@meshwright/runtime";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const { host } = interopMesh;

/** A VirtualService that answers by itself, with this status. */
const routes = (status: number): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: interop}
spec:
  hosts: [${host}]
  http: [{directResponse: {status: ${status}}}]
`;
const ENTRY = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: interop}
spec: {hosts: [${host}], ports: [{number: 80, name: grpc}], resolution: STATIC}
`;

/** Collects events and lets a test wait for one. */
class Events {
  readonly #seen: ControlPlaneEvent[] = [];
  #waiting: (() => void) | undefined;

  readonly take = (event: ControlPlaneEvent): void => {
    this.#seen.push(event);
    this.#waiting?.();
  };

  /** The next event of a kind; those before it are passed over. */
  async next<K extends ControlPlaneEvent["kind"]>(kind: K): Promise<Extract<ControlPlaneEvent, { kind: K }>> {
    while (true) {
      const event = this.#seen.shift();
      if (event?.kind === kind) return event as Extract<ControlPlaneEvent, { kind: K }>;
      if (event === undefined) {
        await new Promise<void>((resolve) => {
          this.#waiting = resolve;
        });
      }
    }
  }
}

describe("the files of a control plane", () => {
  let directory: string;
  let events: Events;
  const start = () => createControlPlane({ directory, listen: "127.0.0.1:0", onEvent: events.take });
  const write = (name: string, text: string): Promise<void> => writeFile(join(directory, name), text);

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "meshwright-files-"));
    events = new Events();
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("must be right at the start", async () => {
    await write("a.yaml", ENTRY.replace("STATIC", "STATICK"));
    const error = await start().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toContain(`${join(directory, "a.yaml")}:4:`);
  });

  it("are followed, and the last good ones stay in force while they are wrong", async () => {
    await write("a.yaml", ENTRY);
    await using controlPlane = await start();
    expect((await events.next("applied")).objects).toBe(1);

    await write("b.yaml", routes(200));
    expect((await events.next("applied")).objects).toBe(2);
    const { generation } = controlPlane.status;

    await write("b.yaml", routes(200).replace("kind: VirtualService", "kind: VirtualServic"));
    const [problem] = (await events.next("rejected")).errors;
    expect(problem?.where).toBe(`${join(directory, "b.yaml")}:2:7`);
    expect(problem?.message).toContain('did you mean "VirtualService"?');
    expect(controlPlane.status.generation).toBe(generation);
    expect(controlPlane.status.errors).toHaveLength(1);

    // As editors save: a new file takes the place of the old one.
    await write("b.draft", routes(201));
    await rename(join(directory, "b.draft"), join(directory, "b.yaml"));
    expect((await events.next("applied")).objects).toBe(2);
    expect(controlPlane.status.errors).toEqual([]);

    await unlink(join(directory, "b.yaml"));
    expect((await events.next("applied")).objects).toBe(1);
  });

  it("may name an interface that a server has yet to register", async () => {
    await write("b.yaml", routes(200));
    await using controlPlane = await start();
    expect((await events.next("rejected")).errors[0]?.message).toContain(`unknown host "${host}"`);
    await using mesh = await createMesh({ controlPlane: controlPlane.address });
    const server = await mesh.serve({ port: 0, services: [interopService(interopHandlers)] });
    expect((await events.next("applied")).objects).toBe(1);
    await server.close();
    await events.next("unregistered");
    // What was right does not become wrong because the last server has left.
    expect(await controlPlane.reload()).toEqual([]);
  });
});

it("says which address of a control plane is in use", async () => {
  await using controlPlane = await createControlPlane({ listen: "127.0.0.1:0" });
  await expect(createControlPlane({ listen: controlPlane.address })).rejects.toThrow(
    `can't listen on ${controlPlane.address}: the address is in use by another process`,
  );
});
