import type { DescMethod } from "@bufbuild/protobuf";
import type { Interceptor, Transport } from "@connectrpc/connect";
import { systemClock } from "../base/clock.js";
import { type Address, formatAddress, type Network, parseAddress } from "../base/network.js";
import { systemRng } from "../base/rng.js";
import type { ClientTls } from "../base/tls.js";
import { createDirectChannel } from "../client/direct-channel.js";
import type { ClientMesh } from "../codegenv1/types.js";
import { http2Limits } from "../http2/limit-presets.js";
import type { Http2Options } from "../http2/types.js";
import { nodeNetwork } from "../net/node-network.js";
import { assertClientTls } from "../net/tls-options.js";
import { Decompressor } from "../rpc/decompressor.js";
import { createRpcMethod } from "../rpc/method.js";
import { sendCompression } from "../rpc/outgoing.js";
import { createLimitReporter } from "../telemetry/limit-reporter.js";
import { createBoundClient } from "./bound-client.js";
import { type BoundMethod, createMeshTransport, type MeshTransportOptions } from "./transport.js";

/** Options of {@link createGrpcTransport}. */
export interface GrpcTransportOptions {
  /** `http://host:port`, or `https://host:port` for TLS. The port defaults to 80 or 443. */
  readonly baseUrl: string;
  /** TLS of `https:`. Defaults to the public roots and the host of `baseUrl`. */
  readonly tls?: ClientTls;
  /** Run around every call, the first one outermost. */
  readonly interceptors?: readonly Interceptor[];
  /** Deadline of a call that sets none, in milliseconds. Defaults to none. */
  readonly defaultTimeoutMs?: number;
  /** Largest response message that is accepted, bytes. Defaults to `http2.maxMessageBytes`, 4 MiB. */
  readonly readMaxBytes?: number;
  /** Compresses the messages that are sent, when the peer can read that. Defaults to no compression. */
  readonly sendCompression?: "gzip";
  /** Smallest message that is compressed, bytes. Defaults to 1 KiB. */
  readonly compressMinBytes?: number;
  readonly http2?: Http2Options;
}

/**
 * A Connect `Transport` to one server, which generated clients take as well. It connects at the first call, and again
 * when the connection is lost.
 */
export interface GrpcTransport extends Transport, ClientMesh, AsyncDisposable {
  /** Closes the connection. Calls in flight fail. */
  close(): Promise<void>;
}

/**
 * Makes a transport to one gRPC server, without a mesh. Throws when `baseUrl` or `tls` make no client.
 *
 * @example
 * ```ts
 * const transport = createGrpcTransport({ baseUrl: "https://greeter.example:8443", tls: { ca } });
 * const greeter = createGreeterClient(transport);
 * const plain = createClient(GreeterService, transport);
 * ```
 */
export function createGrpcTransport(options: GrpcTransportOptions): GrpcTransport {
  const { scheme, authority, address } = parseBaseUrl(options.baseUrl);
  if (scheme === "http" && options.tls !== undefined) {
    throw new Error(`baseUrl "${options.baseUrl}" is plaintext and tls is set: write https:// or leave tls out`);
  }
  if (scheme === "https") assertClientTls(options.tls ?? {}, address.host);
  const limits = http2Limits(options.http2 ?? {});
  const channel = createDirectChannel(formatAddress(address), {
    network: scheme === "https" ? withTls(nodeNetwork, options.tls ?? {}) : nodeNetwork,
    clock: systemClock,
    rng: systemRng,
    onLimit: createLimitReporter(),
    http2: limits,
  });
  const methods = new Map<DescMethod, BoundMethod>();
  const compression = sendCompression(options.sendCompression, options.compressMinBytes);
  const transportOptions: MeshTransportOptions = {
    bind(method) {
      let bound = methods.get(method);
      if (bound === undefined) {
        bound = { channel, rpc: createRpcMethod(method, authority, limits, scheme) };
        methods.set(method, bound);
      }
      return bound;
    },
    messages: {
      readMaxBytes: options.readMaxBytes ?? limits.maxMessageBytes,
      decompressor: new Decompressor(),
      ...(compression === undefined ? {} : { compression }),
    },
    interceptors: options.interceptors ?? [],
    defaultTimeoutMs: options.defaultTimeoutMs,
  };
  const close = (): Promise<void> => {
    channel.close("the transport was closed");
    return Promise.resolve();
  };
  return {
    ...createMeshTransport(transportOptions),
    client(service) {
      for (const method of service.service.methods) {
        const timeoutMs = service.methods[method.localName]?.timeoutMs;
        if (timeoutMs !== undefined) methods.set(method, { ...transportOptions.bind(method), timeoutMs });
      }
      return createBoundClient(service, transportOptions);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

type TcpAddress = Address & { readonly kind: "tcp" };

/** The same network with TLS on every connection that is made. */
function withTls(network: Network, tls: ClientTls): Network {
  return {
    connect: (address, options) => network.connect(address, { ...options, tls }),
    listen: (address, onStream, options) => network.listen(address, onStream, options),
  };
}

function parseBaseUrl(text: string): { scheme: "http" | "https"; authority: string; address: TcpAddress } {
  const fail = (why: string): never => {
    throw new Error(`baseUrl "${text}" ${why}: expected http://host:port or https://host:port`);
  };
  if (!URL.canParse(text)) return fail("is not a URL");
  const { protocol, host, hostname, port, pathname, search, hash, username, password } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:") return fail(`has the scheme "${protocol.slice(0, -1)}"`);
  if (username !== "" || password !== "") return fail("has a user name or password, which gRPC has no place for");
  if (pathname !== "/" || search !== "" || hash !== "") return fail("has more than a host and a port");
  const scheme = protocol === "https:" ? "https" : "http";
  const address = parseAddress(`${hostname}:${port === "" ? (scheme === "https" ? 443 : 80) : port}`);
  if (address?.kind !== "tcp") return fail("has a host that is none");
  return { scheme, authority: host, address };
}
