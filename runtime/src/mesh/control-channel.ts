import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { RegistryService } from "@meshwright/proto/meshwright/registry/v1/registry_pb";
import type { Channel } from "../client/channel.js";
import type { OpenRegistryStream } from "../registry/control-plane-registrar.js";
import { Decompressor } from "../rpc/decompressor.js";
import { createRpcMethod } from "../rpc/method.js";
import { createMeshTransport } from "./transport.js";

const READ_MAX_BYTES = 4 * 1024 * 1024;

/** Binds the registrar to a call on the channel to the control plane. */
export function openRegistryStream(channel: Channel): OpenRegistryStream {
  const transport = createMeshTransport({
    bind: (method) => ({ channel, rpc: createRpcMethod(method, channel.target) }),
    messages: { readMaxBytes: READ_MAX_BYTES, decompressor: new Decompressor() },
    interceptors: [],
    defaultTimeoutMs: undefined,
  });
  const client = createClient(RegistryService, transport);
  return (requests, signal) => client.register(requests, { signal });
}

/** A control plane without a registry, istiod for instance: servers are known to it by other means. */
export function isRegistryMissing(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unimplemented;
}
