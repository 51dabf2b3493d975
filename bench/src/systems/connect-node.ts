import { createSecureServer, createServer } from "node:http2";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import { InteropService } from "@meshwright/interop/gen/meshwright/interop/v1/interop_pb";
import { connectCaller } from "./connect-caller.js";
import { handlers } from "./handlers.js";
import { listen } from "./listen.js";
import type { SystemUnderTest } from "./system.js";

/** connect-node, which runs on node:http2. */
export const connectNode: SystemUnderTest = {
  serve({ tls }) {
    const adapter = connectNodeAdapter({ routes: (router) => router.service(InteropService, handlers) });
    return listen(
      tls === undefined
        ? createServer(adapter)
        : createSecureServer({ cert: tls.certificate, key: tls.privateKey }, adapter),
    );
  },

  async connect({ address, tls }) {
    const transport =
      tls === undefined
        ? createGrpcTransport({ baseUrl: `http://${address}` })
        : createGrpcTransport({ baseUrl: `https://${address}`, nodeOptions: { ca: tls.authority } });
    return connectCaller(createClient(InteropService, transport));
  },
};
