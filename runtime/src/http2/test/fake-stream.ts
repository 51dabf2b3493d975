import type { ByteStream, ByteStreamHandler } from "../../base/network.js";

/** A stream that only records what is done to it. */
export class FakeStream implements ByteStream {
  readonly peer = "peer";
  readonly done: string[] = [];
  isFull = false;
  lastWritten: Buffer = Buffer.alloc(0);
  handler: ByteStreamHandler | undefined;

  start(handler: ByteStreamHandler): void {
    this.handler = handler;
  }

  write(bytes: Uint8Array): boolean {
    this.done.push("write");
    this.lastWritten = Buffer.from(bytes);
    return !this.isFull;
  }

  flush(): boolean {
    return !this.isFull;
  }

  pause(): void {
    this.done.push("pause");
  }

  resume(): void {
    this.done.push("resume");
  }

  end(): void {
    this.done.push("end");
  }

  destroy(): void {
    this.done.push("destroy");
  }
}
