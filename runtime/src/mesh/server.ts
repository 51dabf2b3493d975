import type { Interceptor } from "@connectrpc/connect";
import { systemClock } from "../base/clock.js";
import { formatAddress, parseAddress } from "../base/network.js";
import { systemRng } from "../base/rng.js";
import type { ServerTls } from "../base/tls.js";
import type { ServiceRegistration } from "../codegenv1/types.js";
import type { Http2Options } from "../http2/types.js";
import { nodeNetwork } from "../net/node-network.js";
import { assertServerTls } from "../net/tls-options.js";
import { RpcServer } from "../server/rpc-server.js";
import { createConnectionReporter } from "../telemetry/connection-reporter.js";
import { createLimitReporter } from "../telemetry/limit-reporter.js";

/** Options of {@link createServer}. */
export interface ServerOptions {
  readonly services: readonly ServiceRegistration[];
  /** Run around every handler, the first one outermost. */
  readonly interceptors?: readonly Interceptor[];
  /** Largest request message that is accepted, bytes. Defaults to `http2.maxMessageBytes`, 4 MiB. */
  readonly readMaxBytes?: number;
  /** Compresses the messages that are sent, when the peer can read that. Defaults to no compression. */
  readonly sendCompression?: "gzip";
  /** Smallest message that is compressed, bytes. Defaults to 1 KiB. */
  readonly compressMinBytes?: number;
  readonly http2?: Http2Options;
  /** Speaks TLS, with clients that offer HTTP/2 (ALPN `h2`). Absent: plaintext. */
  readonly tls?: ServerTls;
  /** Milliseconds that `close` waits for calls in flight. Defaults to 30 s. */
  readonly shutdownGraceMs?: number;
}

/** A gRPC server. */
export interface Server extends AsyncDisposable {
  /** Listens on `host:port`, `[ipv6]:port` or `unix:/path`; resolves with the address, its real port in place of 0. */
  listen(address: string): Promise<string>;
  /** Handlers at work. */
  readonly activeCalls: number;
  /** Stops accepting, lets calls in flight end for up to `graceMs` (`shutdownGraceMs`), then ends what is left. */
  close(graceMs?: number): Promise<void>;
}

/** Makes a gRPC server without a mesh: nothing is registered anywhere. Throws when `tls` makes no server. */
export function createServer(options: ServerOptions): Server {
  if (options.tls !== undefined) assertServerTls(options.tls);
  const server = new RpcServer(
    {
      network: nodeNetwork,
      clock: systemClock,
      rng: systemRng,
      onLimit: createLimitReporter(),
      onConnectionError: createConnectionReporter(),
    },
    options,
  );
  return {
    async listen(text) {
      const address = parseAddress(text);
      if (address === undefined) {
        throw new Error(`can't listen on "${text}": expected host:port, [ipv6]:port or unix:/path`);
      }
      return formatAddress(await server.listen(address));
    },
    get activeCalls() {
      return server.activeCalls;
    },
    close: (graceMs) => server.close(graceMs),
    [Symbol.asyncDispose]: () => server.close(),
  };
}
