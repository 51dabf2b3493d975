import { createConnection, createServer, type Server, type Socket } from "node:net";
import {
  type Address,
  type ByteStream,
  type ConnectOptions,
  formatAddress,
  type Listener,
  type Network,
} from "../base/network.js";
import { SocketStream } from "./socket-stream.js";

/** The process's own network: TCP and Unix sockets. */
export const nodeNetwork: Network = { connect, listen };

function connect(address: Address, { timeoutMs, signal }: ConnectOptions): Promise<ByteStream> {
  return new Promise((resolve, reject) => {
    const socket =
      address.kind === "tcp"
        ? createConnection({ host: address.host, port: address.port, noDelay: true })
        : createConnection({ path: address.path });
    const settle = (): void => {
      socket.setTimeout(0);
      socket.removeListener("error", onError);
      signal?.removeEventListener("abort", onAbort);
    };
    const fail = (reason: string, cause?: unknown): void => {
      settle();
      // The socket may still report its own end; nobody listens any more.
      socket.on("error", () => {});
      socket.destroy();
      reject(new Error(`can't connect to ${formatAddress(address)}: ${reason}`, { cause }));
    };
    const onError = (error: Error): void => fail(describe(error), error);
    const onAbort = (): void => fail("the attempt was given up");
    socket.once("error", onError);
    socket.setTimeout(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`));
    socket.once("connect", () => {
      settle();
      socket.removeAllListeners("timeout");
      resolve(new SocketStream(socket));
    });
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort);
  });
}

function listen(address: Address, onStream: (stream: ByteStream) => void): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket: Socket) => {
      onStream(new SocketStream(socket));
    });
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(new Error(`can't listen on ${formatAddress(address)}: ${explain(error, address)}`, { cause: error }));
    });
    server.listen(address.kind === "tcp" ? { host: address.host, port: address.port } : { path: address.path }, () => {
      // From here on an error is one failed accept, such as EMFILE: the server goes on with the next.
      server.removeAllListeners("error");
      server.on("error", () => {});
      resolve({ address: boundAddress(server, address), close: () => close(server) });
    });
  });
}

function boundAddress(server: Server, asked: Address): Address {
  const bound = server.address();
  if (asked.kind === "unix" || bound === null || typeof bound === "string") return asked;
  return { kind: "tcp", host: bound.address, port: bound.port };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // Resolves when every accepted socket is gone as well, which is the owner's affair; the port is free at once.
    server.close(() => {});
    resolve();
  });
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
      return describe(error);
  }
}

function describe(error: Error): string {
  // Connecting to a name with several addresses fails with all of their reasons at once.
  const reasons = error instanceof AggregateError ? error.errors : [error];
  return reasons
    .map((reason: NodeJS.ErrnoException) => {
      switch (reason.code) {
        case "ECONNREFUSED":
          return "connection refused: nobody listens there";
        case "ENOTFOUND":
          return "no such host";
        default:
          return reason.message;
      }
    })
    .join("; ");
}
