import { DEFAULT_WINDOW_BYTES } from "./frame.js";
import type { FrameWriter } from "./frame-writer.js";
import type { StreamState } from "./stream.js";

/** Told when a stream's queue went out. */
export interface DataSchedulerOwner {
  /** The last body byte and the end of the stream left; trailers, if any, may follow now. */
  onLocalEnd(stream: StreamState): void;
  /** Something was written. */
  onWritten(): void;
}

/** Bounds of what waits to be sent. */
export interface SendLimits {
  /** Queued bytes of a stream above which its user is asked to wait. */
  readonly streamSendBufferBytes: number;
  /** Output above which bodies wait in their streams. */
  readonly outputHighBytes: number;
}

/**
 * Sends bodies within the windows of RFC 9113 section 5.2. What fits goes out at once; the rest waits in its stream,
 * and streams that wait take turns, a frame each.
 */
export class DataScheduler {
  /** Bytes that the peer's connection window allows. */
  connectionWindowBytes: number = DEFAULT_WINDOW_BYTES;
  readonly #writer: FrameWriter;
  readonly #limits: SendLimits;
  readonly #owner: DataSchedulerOwner;
  readonly #waiting = new Set<StreamState>();

  constructor(writer: FrameWriter, limits: SendLimits, owner: DataSchedulerOwner) {
    this.#writer = writer;
    this.#limits = limits;
    this.#owner = owner;
  }

  /** Whether some stream waits to send. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Sends or queues body bytes. False when the stream's user should wait. */
  send(stream: StreamState, bytes: Uint8Array, endStream: boolean, prefix: Uint8Array | undefined): boolean {
    const byteCount = bytes.byteLength + (prefix === undefined ? 0 : prefix.byteLength);
    // An empty frame that ends nothing says nothing, and peers count such frames.
    if (byteCount === 0 && !endStream) return true;
    if (
      stream.queue.length === 0 &&
      byteCount <= stream.sendWindowBytes &&
      byteCount <= this.connectionWindowBytes &&
      byteCount <= this.#writer.maxFrameBytes &&
      this.#writer.output.byteCount < this.#limits.outputHighBytes
    ) {
      stream.sendWindowBytes -= byteCount;
      this.connectionWindowBytes -= byteCount;
      this.#writer.data(stream.id, bytes, endStream, prefix);
      if (endStream) this.#owner.onLocalEnd(stream);
      this.#owner.onWritten();
      return true;
    }
    if (prefix !== undefined) stream.queue.push(prefix.slice());
    if (bytes.byteLength > 0 || byteCount === 0) stream.queue.push(bytes);
    stream.queuedBytes += byteCount;
    if (endStream) stream.queuedEnd = "end";
    this.#waiting.add(stream);
    this.pump();
    if (stream.queuedBytes <= this.#limits.streamSendBufferBytes) return true;
    stream.isUserWaiting = true;
    return false;
  }

  /** Forgets what a stream has queued. */
  drop(stream: StreamState): void {
    stream.queue.length = 0;
    stream.queuedBytes = 0;
    this.#waiting.delete(stream);
  }

  /** The stream's window grew. */
  wake(stream: StreamState): void {
    if (stream.queue.length > 0) this.#waiting.add(stream);
  }

  /** Sends what windows and output allow, a frame per waiting stream in turn. */
  pump(): void {
    let didWrite = true;
    while (didWrite && this.#waiting.size > 0) {
      didWrite = false;
      for (const stream of [...this.#waiting]) {
        if (this.#writer.output.byteCount >= this.#limits.outputHighBytes) return;
        if (this.#sendFrame(stream)) didWrite = true;
      }
    }
  }

  #sendFrame(stream: StreamState): boolean {
    const window = Math.min(stream.sendWindowBytes, this.connectionWindowBytes);
    const head = stream.queue[0];
    if (head === undefined) {
      this.#waiting.delete(stream);
      return false;
    }
    if (stream.queuedBytes > 0 && window <= 0) {
      // A stream whose own window is used up waits for its WINDOW_UPDATE, which wakes it.
      if (stream.sendWindowBytes <= 0) this.#waiting.delete(stream);
      return false;
    }
    const room = Math.min(Math.max(window, 0), this.#writer.maxFrameBytes);
    const isPrefix = head.byteLength < 16 && stream.queue.length > 1 && head.byteLength < room;
    const body = isPrefix ? (stream.queue[1] as Uint8Array) : head;
    const prefix = isPrefix ? head : undefined;
    const bodyRoom = room - (prefix === undefined ? 0 : prefix.byteLength);
    const part = body.byteLength <= bodyRoom ? body : body.subarray(0, bodyRoom);
    if (prefix !== undefined) stream.queue.shift();
    if (part.byteLength === body.byteLength) stream.queue.shift();
    else stream.queue[0] = body.subarray(bodyRoom);
    const byteCount = part.byteLength + (prefix === undefined ? 0 : prefix.byteLength);
    stream.queuedBytes -= byteCount;
    stream.sendWindowBytes -= byteCount;
    this.connectionWindowBytes -= byteCount;
    const isLast = stream.queue.length === 0;
    const endStream = isLast && stream.queuedEnd === "end";
    this.#writer.data(stream.id, part, endStream, prefix);
    this.#owner.onWritten();
    if (isLast) {
      this.#waiting.delete(stream);
      if (stream.queuedEnd !== "none") this.#owner.onLocalEnd(stream);
    } else {
      // To the back of the line: the next pump begins with a stream that has waited longer.
      this.#waiting.delete(stream);
      this.#waiting.add(stream);
    }
    if (stream.isUserWaiting && !stream.isClosed && stream.queuedBytes <= this.#limits.streamSendBufferBytes / 2) {
      stream.isUserWaiting = false;
      stream.handler?.onWritable();
    }
    return true;
  }
}
