import type { InteropClient } from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
import type { Peer } from "./peer.js";

/** Any client of Connect's shape: ours, or one over connect-node. */
export function connectPeer(client: InteropClient): Peer {
  return {
    async unary(request, options) {
      let headers = new Headers();
      let trailers = new Headers();
      const message = await client.unary(request, {
        ...options,
        onHeader: (received) => {
          headers = received;
        },
        onTrailer: (received) => {
          trailers = received;
        },
      });
      return { message, headers, trailers };
    },
    serverStream: (request, options) => client.serverStream(request, options),
    clientStream: (requests) => client.clientStream(requests),
    bidiStream: (requests) => client.bidiStream(requests),
  };
}
