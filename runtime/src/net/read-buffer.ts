import type { OnReadOpts, Socket } from "node:net";

// As much as a socket reads at once without it.
const READ_BYTES = 65_536;

// Elsewhere a read begins and ends in one system call, and nobody else reads meanwhile; Windows is given the memory first
// and fills it later.
const canShare = process.platform !== "win32";

let shared: Buffer | undefined;

function readMemory(): Buffer {
  if (!canShare) return Buffer.allocUnsafeSlow(READ_BYTES);
  shared ??= Buffer.allocUnsafeSlow(READ_BYTES);
  return shared;
}

/**
 * What a socket reads into: the same memory again and again, and for all sockets. Without it every read takes new memory,
 * which costs the collector more than all work with small messages, and as much as that with large ones.
 */
export class ReadBuffer {
  /** The `onread` option of a socket to be. */
  readonly onread: OnReadOpts;
  #onBytes: ((chunk: Buffer) => void) | undefined;
  readonly #early: Buffer[] = [];

  constructor() {
    const bytes = readMemory();
    this.onread = {
      buffer: bytes,
      callback: (byteCount) => {
        const chunk = bytes.subarray(0, byteCount);
        if (this.#onBytes === undefined) this.#early.push(Buffer.from(chunk));
        else this.#onBytes(chunk);
        return true;
      },
    };
  }

  /** Hands what comes to `onBytes`, valid during the call only; first what came before this. */
  start(onBytes: (chunk: Buffer) => void): void {
    this.#onBytes = onBytes;
    for (const chunk of this.#early.splice(0)) onBytes(chunk);
  }

  /**
   * Makes the socket of an accepted connection, plain or TLS, read into a buffer. Node takes `onread` for sockets that one
   * makes oneself and has no public name for it where a server makes them. Undefined, and the socket as it was, on a Node
   * whose sockets are made of something else, and when bytes of the peer's wait in the socket already.
   */
  static under(accepted: Socket): ReadBuffer | undefined {
    const handle: unknown = Reflect.get(accepted, "_handle");
    const parts = partsOf(accepted);
    if (!isHandle(handle) || parts === undefined || accepted.readableLength > 0) return undefined;
    const readBuffer = new ReadBuffer();
    const { buffer, callback } = readBuffer.onread;
    Reflect.set(accepted, parts.buffer, buffer);
    Reflect.set(accepted, parts.callback, callback);
    handle.useUserBuffer(buffer as Uint8Array);
    return readBuffer;
  }
}

/** What a socket of Node's is made of. */
interface Handle {
  useUserBuffer(buffer: Uint8Array): void;
}

/** Where a socket keeps the parts of its `onread` option. */
interface OnReadParts {
  readonly buffer: symbol;
  readonly callback: symbol;
}

let onReadParts: OnReadParts | undefined;

function partsOf(socket: Socket): OnReadParts | undefined {
  if (onReadParts !== undefined) return onReadParts;
  const symbols = Object.getOwnPropertySymbols(socket);
  const buffer = symbols.find(({ description }) => description === "kBuffer");
  const callback = symbols.find(({ description }) => description === "kBufferCb");
  if (buffer !== undefined && callback !== undefined) onReadParts = { buffer, callback };
  return onReadParts;
}

function isHandle(value: unknown): value is Handle {
  return typeof value === "object" && value !== null && "useUserBuffer" in value;
}
