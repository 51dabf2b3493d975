import type { OnReadOpts } from "node:net";

// As much as a socket reads at once without it.
const READ_BYTES = 65_536;

/**
 * The memory that a socket reads into, again and again. Without it every read takes new memory, which costs the collector
 * more than all work with small messages. Node has it for sockets that connect; those that a server accepted and TLS go
 * without.
 */
export class ReadBuffer {
  /** The `onread` option of the socket. */
  readonly onread: OnReadOpts;
  #onBytes: ((chunk: Buffer) => void) | undefined;
  readonly #early: Buffer[] = [];

  constructor() {
    const bytes = Buffer.allocUnsafeSlow(READ_BYTES);
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
