import type { OnReadOpts } from "node:net";

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
  /** The `onread` option of the socket. */
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
}
