import { createInteropClient, interopService } from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
import { interopHandlers } from "@meshwright/interop/handlers";
import { createMesh, createServer } from "@meshwright/runtime";
import { connectCaller } from "./connect-caller.js";
import { handlers } from "./handlers.js";
import type { SystemUnderTest } from "./system.js";

/** Ours: in a mesh when there is a control plane, else from client to server. */
export const meshwright: SystemUnderTest = {
  async serve({ controlPlane }) {
    const services = [interopService({ ...interopHandlers, ...handlers })];
    if (controlPlane === undefined) return createServer({ services }).listen("127.0.0.1:0");
    const mesh = await createMesh({ controlPlane });
    return (await mesh.serve({ port: 0, services })).address;
  },

  async connect({ controlPlane }) {
    if (controlPlane === undefined) throw new Error("not without a control plane");
    return connectCaller(createInteropClient(await createMesh({ controlPlane })));
  },
};
