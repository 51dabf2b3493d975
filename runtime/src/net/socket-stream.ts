import type { Socket } from "node:net";
import { type ByteStream, type ByteStreamHandler, formatAddress } from "../base/network.js";

/** A connected socket as a {@link ByteStream}. */
export class SocketStream implements ByteStream {
  readonly peer: string;
  readonly #socket: Socket;
  #error: Error | undefined;
  #isCorked = false;
  readonly #uncork = (): void => {
    this.#isCorked = false;
    this.#socket.uncork();
  };

  constructor(socket: Socket) {
    this.#socket = socket;
    this.peer = peerOf(socket);
    // A socket without this listener takes the process down when its peer resets it.
    socket.on("error", (error) => {
      this.#error = error;
    });
    // Small frames must leave at once; they are gathered before they get here.
    socket.setNoDelay(true);
  }

  start(handler: ByteStreamHandler): void {
    const socket = this.#socket;
    socket.on("data", (chunk: Buffer) => handler.onBytes(chunk));
    socket.on("drain", () => handler.onDrain());
    socket.on("close", () => handler.onClose(this.#error));
    // Half-open sockets are of no use to HTTP/2: when the peer ends, so do we.
    socket.on("end", () => socket.end());
    // A socket that is destroyed but not closed still reports its end to the listener above.
    if (socket.closed) queueMicrotask(() => handler.onClose(this.#error));
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

function peerOf(socket: Socket): string {
  const { remoteAddress, remotePort } = socket;
  return remoteAddress === undefined || remotePort === undefined
    ? "unix"
    : formatAddress({ kind: "tcp", host: remoteAddress, port: remotePort });
}
