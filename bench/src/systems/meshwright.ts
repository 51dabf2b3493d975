import { createInteropClient, interopService } from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
import { interopHandlers } from "@meshwright/interop/handlers";
import { createGrpcTransport, createMesh, createServer } from "@meshwright/runtime";
import { connectCaller } from "./connect-caller.js";
import { handlers } from "./handlers.js";
import type { SystemUnderTest } from "./system.js";

/** Ours: in a mesh when there is a control plane, else from client to server. */
export const meshwright: SystemUnderTest = {
  async serve({ controlPlane, tls }) {
    const services = [interopService({ ...interopHandlers, ...handlers })];
    if (controlPlane === undefined) {
      const server = createServer({
        services,
        ...(tls === undefined ? {} : { tls: { cert: tls.certificate, key: tls.privateKey } }),
      });
      return server.listen("127.0.0.1:0");
    }
    const mesh = await createMesh({ controlPlane });
    return (await mesh.serve({ port: 0, services })).address;
  },

  async connect({ address, controlPlane, tls }) {
    if (controlPlane !== undefined) return connectCaller(createInteropClient(await createMesh({ controlPlane })));
    const transport =
      tls === undefined
        ? createGrpcTransport({ baseUrl: `http://${address}` })
        : createGrpcTransport({ baseUrl: `https://${address}`, tls: { ca: tls.authority } });
    return connectCaller(createInteropClient(transport));
  },
};
