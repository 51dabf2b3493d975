import type { ByteStreamHandler } from "../../base/network.js";

/** Records what happens on a stream; its end and its bytes can be awaited. */
export class Recorder implements ByteStreamHandler {
  readonly ends: (Error | undefined)[] = [];
  text = "";
  drains = 0;
  #wanted: { readonly text: string; readonly resolve: () => void } | undefined;
  #over: () => void = () => {};
  readonly over = new Promise<void>((resolve) => {
    this.#over = resolve;
  });

  onBytes(chunk: Uint8Array): void {
    this.text += Buffer.from(chunk).toString();
    if (this.#wanted !== undefined && this.text.endsWith(this.#wanted.text)) this.#wanted.resolve();
  }

  onDrain(): void {
    this.drains += 1;
  }

  onClose(error: Error | undefined): void {
    this.ends.push(error);
    this.#over();
  }

  /** Resolves when the bytes received end with `text`. */
  until(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#wanted = { text, resolve };
      if (this.text.endsWith(text)) resolve();
    });
  }
}
