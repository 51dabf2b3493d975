import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { type Address, type ByteStream, formatAddress, type Listener, type ListenOptions } from "../base/network.js";
import type { ServerTls } from "../base/tls.js";
import { describeError } from "./describe-error.js";
import { createHandshakes } from "./handshakes.js";
import { ReadBuffer } from "./read-buffer.js";
import { formatPeer, SocketStream } from "./socket-stream.js";
import { explainTlsError } from "./tls-error.js";
import { assertServerTls, handshakeTimeoutMs, serverTlsOptions } from "./tls-options.js";
import { checkPeer } from "./tls-peer.js";

const MAX_TIMER_MS = 0x7fffffff;

/** A server, and what its listener must let go of when it stops. */
interface Acceptor {
  readonly server: Server;
  /** Ends connections that were not handed over yet. */
  abandon(): void;
}

/** See `Network.listen`. */
export async function listen(
  address: Address,
  onStream: (stream: ByteStream) => void,
  options: ListenOptions = {},
): Promise<Listener> {
  const { tls, maxConnections = Number.POSITIVE_INFINITY, onLimit, onError } = options;
  const { server, abandon } = tls === undefined ? acceptPlain(onStream) : acceptTls(address, tls, onStream, options);
  if (maxConnections < Number.POSITIVE_INFINITY) server.maxConnections = maxConnections;
  server.on("drop", (dropped) => {
    const { remoteAddress, remotePort } = dropped ?? {};
    const peer = formatPeer(remoteAddress, remotePort);
    const message = `closed the connection of ${peer} to ${where(server, address)}: ${maxConnections} are open`;
    onLimit?.({ limit: "connections", peer, message });
  });
  return new Promise((resolve, reject) => {
    const onFailure = (error: NodeJS.ErrnoException): void => {
      reject(failure(address, explain(error, address), error));
    };
    server.once("error", onFailure);
    server.listen(address.kind === "tcp" ? { host: address.host, port: address.port } : { path: address.path }, () => {
      // From here on an error is one failed accept, such as EMFILE: the server goes on with the next.
      server.removeListener("error", onFailure);
      server.on("error", (error) => {
        const message = `can't accept a connection on ${where(server, address)}: ${describeError(error)}`;
        onError?.(new Error(message, { cause: error }));
      });
      resolve({
        address: boundAddress(server, address),
        close() {
          // Calls back when every accepted socket is gone as well, the owner's affair; the port is free at once.
          server.close(() => {});
          abandon();
          return Promise.resolve();
        },
      });
    });
  });
}

function acceptPlain(onStream: (stream: ByteStream) => void): Acceptor {
  const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, (accepted: Socket) => {
    onStream(new SocketStream(accepted, undefined, ReadBuffer.under(accepted)));
  });
  return { server, abandon: () => {} };
}

function acceptTls(
  address: Address,
  tls: ServerTls,
  onStream: (stream: ByteStream) => void,
  { tlsHandshakeTimeoutMs, onLimit, onError }: ListenOptions,
): Acceptor {
  const timeoutMs = handshakeTimeoutMs(tlsHandshakeTimeoutMs);
  const handshakes = createHandshakes(timeoutMs, (peer) => {
    const message = `closed the connection of ${peer} to ${where(server, address)}: no TLS handshake within ${timeoutMs} ms`;
    onLimit?.({ limit: "tls_handshake_timeout", peer, message });
  });
  const refuse = (peer: string, reason: string, cause?: Error): void => {
    const message = `TLS handshake of ${peer} with ${where(server, address)} failed: ${reason}`;
    onError?.(new Error(message, cause === undefined ? {} : { cause }));
  };
  const onSecure = (socket: TLSSocket): void => {
    const { peer } = handshakes.end(socket);
    const checked = checkPeer(socket, undefined);
    if (checked.kind === "refused") {
      socket.on("error", () => {});
      socket.destroy();
      return refuse(peer, checked.reason);
    }
    onStream(new SocketStream(socket, checked.facts, ReadBuffer.under(socket)));
  };
  const onFailure = (error: Error, socket: TLSSocket): void => {
    // Its end may bring more errors, and there is nobody to tell.
    socket.on("error", () => {});
    socket.destroy();
    const { peer, isTimedOut } = handshakes.end(socket);
    if (!isTimedOut) refuse(peer, explainRefusal(error, socket), error);
  };
  const server = createTlsListener(address, tls, timeoutMs);
  server.on("secureConnection", onSecure);
  server.on("connection", (socket) => handshakes.begin(socket));
  server.on("tlsClientError", onFailure);
  return { server, abandon: () => handshakes.abandon() };
}

function createTlsListener(address: Address, tls: ServerTls, timeoutMs: number): TlsServer {
  try {
    assertServerTls(tls);
    // Half-open sockets would wait for the rest of a handshake whose peer is gone. Node's own timeout is one of the
    // socket, which starts again when something happens there; ours is the one that counts and comes first.
    const handshakeTimeout = Math.min(2 * timeoutMs, MAX_TIMER_MS);
    return createTlsServer({ ...serverTlsOptions(tls), noDelay: true, handshakeTimeout });
  } catch (error) {
    throw failure(address, error instanceof Error ? error.message : String(error), error);
  }
}

function explainRefusal(error: Error, { authorizationError }: TLSSocket): string {
  // A certificate that is refused shows as a closed connection.
  const code = authorizationError as Error | string | null | undefined;
  return explainTlsError(typeof code === "string" ? Object.assign(new Error(code), { code }) : error);
}

/** The address of a listener, for people. */
function where(server: Server, asked: Address): string {
  return formatAddress(boundAddress(server, asked));
}

function boundAddress(server: Server, asked: Address): Address {
  const bound = server.address();
  if (asked.kind === "unix" || bound === null || typeof bound === "string") return asked;
  return { kind: "tcp", host: bound.address, port: bound.port };
}

function failure(address: Address, reason: string, cause: unknown): Error {
  return new Error(`can't listen on ${formatAddress(address)}: ${reason}`, { cause });
}

function explain(error: NodeJS.ErrnoException, address: Address): string {
  switch (error.code) {
    case "EADDRINUSE":
      return address.kind === "tcp"
        ? "the address is in use by another process; choose another port, or 0 for a free one"
        : "the path is in use, or left over from a process that ended; choose another, or remove it";
    case "EADDRNOTAVAIL":
      return "this machine has no such address; listen on one of its own, such as 127.0.0.1";
    case "EACCES":
      return address.kind === "tcp"
        ? "permission denied; ports below 1024 need privileges"
        : "permission denied; choose a path that this user may write to";
    default:
      return describeError(error);
  }
}
