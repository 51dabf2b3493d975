import type { Socket } from "node:net";
import { largeBuffers } from "../base/large-buffers.js";
import { type ByteStream, type ByteStreamHandler, formatAddress } from "../base/network.js";
import type { TlsFacts } from "../base/tls.js";
import type { ReadBuffer } from "./read-buffer.js";
import { explainTlsError } from "./tls-error.js";

/** A connected socket, whose TLS handshake is over if it has one, as a {@link ByteStream}. */
export class SocketStream implements ByteStream {
  readonly peer: string;
  readonly tls?: TlsFacts;
  readonly #socket: Socket;
  readonly #readBuffer: ReadBuffer | undefined;
  #error: Error | undefined;
  #isCorked = false;
  readonly #uncork = (): void => {
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.#socket.uncork();
  };

  constructor(socket: Socket, tls?: TlsFacts, readBuffer?: ReadBuffer) {
    this.#socket = socket;
    this.#readBuffer = readBuffer;
    if (tls !== undefined) this.tls = tls;
    this.peer = peerOf(socket);
    // A socket without this listener takes the process down when its peer resets it.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      // With TLS 1.3 a client is through its handshake before the server has looked at its certificate.
      const isTlsError = error.code?.startsWith("ERR_SSL_") ?? false;
      this.#error = isTlsError ? new Error(explainTlsError(error), { cause: error }) : error;
    });
    // Small frames must leave at once; they are gathered before they get here.
    socket.setNoDelay(true);
  }

  start(handler: ByteStreamHandler): void {
    const socket = this.#socket;
    socket.on("drain", () => handler.onDrain());
    socket.on("close", () => handler.onClose(this.#error));
    // Half-open sockets are of no use to HTTP/2: when the peer ends, so do we.
    socket.on("end", () => socket.end());
    // A socket that is destroyed but not closed still reports its end to the listener above.
    if (socket.closed) queueMicrotask(() => handler.onClose(this.#error));
    // Before anything is handed over, which may pause it.
    socket.resume();
    const onBytes = (chunk: Buffer): void => handler.onBytes(chunk);
    if (this.#readBuffer !== undefined) {
      this.#readBuffer.start(onBytes);
    } else {
      socket.on("data", (chunk: Buffer) => {
        largeBuffers.made(chunk.length);
        onBytes(chunk);
      });
    }
  }

  write(bytes: Uint8Array): boolean {
    if (this.#socket.destroyed) return true;
    if (!this.#isCorked) {
      // A large body leaves as many pieces in one turn: one system call for all of them.
      this.#isCorked = true;
      this.#socket.cork();
      process.nextTick(this.#uncork);
    }
    return this.#socket.write(bytes);
  }

  flush(): boolean {
    this.#uncork();
    return this.#socket.writableLength === 0;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** The address of a socket's peer, `host:port`. */
export function peerOf({ remoteAddress, remotePort }: Socket): string {
  return formatPeer(remoteAddress, remotePort);
}

/** The address of a peer as sockets tell it; peers on Unix sockets have none. */
export function formatPeer(host: string | undefined, port: number | undefined): string {
  return host === undefined || port === undefined ? "unix" : formatAddress({ kind: "tcp", host, port });
}
