import { largeBuffers } from "../base/large-buffers.js";
import { DEFAULT_WINDOW_BYTES, MAX_WINDOW_BYTES } from "./frame.js";
import type { FrameWriter } from "./frame-writer.js";
import type { Http2Limits } from "./limits.js";
import type { StreamState } from "./stream.js";
import type { Memory } from "./types.js";

/** Told when a stream's queue went out. */
export interface DataSchedulerOwner {
  /** The last body byte and the end of the stream left; trailers, if any, may follow now. */
  onLocalEnd(stream: StreamState): void;
  /** A DATA frame was written. */
  onWritten(): void;
  /** A stream's queue begins to wait, or has moved and waits for the rest. */
  onWaiting(stream: StreamState): void;
}

/**
 * Sends bodies within the windows of RFC 9113 section 5.2. What fits goes out at once; the rest waits in its stream,
 * and streams that wait take turns, a frame each. A stream's window is the peer's initial window plus its own offset,
 * so a change of the former touches only streams that have something to send.
 */
export class DataScheduler {
  readonly #writer: FrameWriter;
  readonly #limits: Http2Limits;
  readonly #owner: DataSchedulerOwner;
  /** Streams that can send as soon as the connection and the output let them. */
  readonly #ready = new Set<StreamState>();
  /** Streams that wait for their own window. */
  readonly #blocked = new Set<StreamState>();
  /** Streams whose users wait, though their own queues are short, for the queues of all together. */
  readonly #crowded = new Set<StreamState>();
  #queuedBytes = 0;
  /** Bytes that the peer's connection window allows. */
  #connectionWindowBytes = DEFAULT_WINDOW_BYTES;
  /** SETTINGS_INITIAL_WINDOW_SIZE of the peer. */
  #initialWindowBytes = DEFAULT_WINDOW_BYTES;
  /** No stream's window is further above the initial one. */
  #largestOffsetBytes = 0;

  constructor(writer: FrameWriter, limits: Http2Limits, owner: DataSchedulerOwner) {
    this.#writer = writer;
    this.#limits = limits;
    this.#owner = owner;
  }

  /** Whether some stream could send. */
  get isWaiting(): boolean {
    return this.#ready.size > 0;
  }

  /** Body bytes that wait in all streams together. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Sends or queues body bytes. False when the stream's user should wait. */
  send(
    stream: StreamState,
    bytes: Uint8Array,
    endStream: boolean,
    prefix: Uint8Array | undefined,
    memory: Memory,
  ): boolean {
    const isLent = memory === "lent";
    const owner = typeof memory === "object" ? memory : undefined;
    let head = prefix;
    let rest = bytes;
    let byteCount = rest.length + (head === undefined ? 0 : head.length);
    // An empty frame that ends nothing says nothing, and peers count such frames.
    if (byteCount === 0 && !endStream) return true;
    const { maxFrameBytes, output } = this.#writer;
    // Others that wait have their turn first.
    const isFirst = stream.queue.length === 0 && this.#ready.size === 0;
    while (isFirst && output.byteCount < this.#limits.outputHighBytes) {
      const window = this.#windowOf(stream);
      if (byteCount <= maxFrameBytes && (byteCount <= window || byteCount === 0)) {
        owner?.fill?.(bytes.length);
        this.#write(stream, rest, endStream, head, isLent);
        if (owner !== undefined) output.whenLeft(owner);
        if (endStream) this.#owner.onLocalEnd(stream);
        return true;
      }
      if (window < maxFrameBytes) break;
      const end = maxFrameBytes - (head === undefined ? 0 : head.length);
      owner?.fill?.(bytes.length - rest.length + end);
      this.#write(stream, rest.subarray(0, end), false, head, isLent);
      rest = rest.subarray(end);
      head = undefined;
      byteCount -= maxFrameBytes;
    }
    owner?.fill?.(bytes.length);
    if (stream.queue.length === 0) this.#owner.onWaiting(stream);
    // Not slice(), which does not copy what is a Buffer.
    if (head !== undefined) stream.queue.push(new Uint8Array(head));
    if (rest.length > 0 || byteCount === 0) stream.queue.push(isLent ? largeBuffers.copy(rest) : rest);
    if (owner !== undefined) {
      stream.queuedOwners ??= [];
      stream.queuedOwners.push(owner);
    }
    stream.queuedBytes += byteCount;
    this.#queuedBytes += byteCount;
    if (endStream) stream.queuedEnd = "end";
    if (!this.#blocked.has(stream)) this.#ready.add(stream);
    this.pump();
    if (stream.queue.length === 0) return true;
    // It waits for one thing at a time, or it would hear of it twice.
    if (stream.isUserWaiting) return false;
    if (stream.queuedBytes > this.#limits.streamSendBufferBytes) {
      stream.isUserWaiting = true;
      this.#crowded.delete(stream);
      return false;
    }
    if (this.#queuedBytes <= this.#limits.connectionSendBufferBytes) return true;
    this.#crowded.add(stream);
    return false;
  }

  /** Forgets what a stream has queued. */
  drop(stream: StreamState): void {
    stream.queuedOwners = undefined;
    if (stream.queue.length > 0) {
      this.#queuedBytes -= stream.queuedBytes;
      stream.queue.length = 0;
      stream.queuedBytes = 0;
      this.#ready.delete(stream);
      this.#blocked.delete(stream);
    }
    if (this.#crowded.size === 0) return;
    this.#crowded.delete(stream);
    this.#wakeCrowd();
  }

  /** WINDOW_UPDATE of the connection: false when its window is above 2^31-1. */
  growConnection(increment: number): boolean {
    this.#connectionWindowBytes += increment;
    return this.#connectionWindowBytes <= MAX_WINDOW_BYTES;
  }

  /** WINDOW_UPDATE of a stream: false when its window is above 2^31-1. */
  grow(stream: StreamState, increment: number): boolean {
    stream.sendOffsetBytes += increment;
    this.#largestOffsetBytes = Math.max(this.#largestOffsetBytes, stream.sendOffsetBytes);
    if (this.#blocked.delete(stream)) this.#ready.add(stream);
    return this.#initialWindowBytes + stream.sendOffsetBytes <= MAX_WINDOW_BYTES;
  }

  /** SETTINGS_INITIAL_WINDOW_SIZE, which moves every stream's window: false when that puts one above 2^31-1. */
  setInitialWindow(byteCount: number, streams: Iterable<StreamState>): boolean {
    const didGrow = byteCount > this.#initialWindowBytes;
    this.#initialWindowBytes = byteCount;
    if (didGrow) {
      for (const stream of this.#blocked) this.#ready.add(stream);
      this.#blocked.clear();
    }
    if (byteCount + this.#largestOffsetBytes <= MAX_WINDOW_BYTES) return true;
    // The stream with that offset may be gone.
    this.#largestOffsetBytes = 0;
    for (const { sendOffsetBytes } of streams) {
      this.#largestOffsetBytes = Math.max(this.#largestOffsetBytes, sendOffsetBytes);
    }
    return byteCount + this.#largestOffsetBytes <= MAX_WINDOW_BYTES;
  }

  /** Sends what windows and output allow, a frame per waiting stream in turn. */
  pump(): void {
    // A stream that waits alone is met again and again here, as it goes to the back of the line.
    for (const stream of this.#ready) {
      if (this.#ready.size > 1) break;
      if (this.#writer.output.byteCount >= this.#limits.outputHighBytes || !this.#sendFrame(stream)) return;
    }
    let didWrite = true;
    while (didWrite && this.#ready.size > 0) {
      didWrite = false;
      for (const stream of [...this.#ready]) {
        if (this.#writer.output.byteCount >= this.#limits.outputHighBytes) return;
        if (this.#sendFrame(stream)) didWrite = true;
      }
    }
  }

  #windowOf(stream: StreamState): number {
    return Math.min(this.#initialWindowBytes + stream.sendOffsetBytes, this.#connectionWindowBytes);
  }

  #sendFrame(stream: StreamState): boolean {
    const window = this.#windowOf(stream);
    const head = stream.queue[0];
    if (head === undefined) {
      this.#ready.delete(stream);
      return false;
    }
    if (stream.queuedBytes > 0 && window <= 0) {
      // A stream whose own window is used up waits for its WINDOW_UPDATE, which wakes it.
      if (this.#initialWindowBytes + stream.sendOffsetBytes <= 0) {
        this.#ready.delete(stream);
        this.#blocked.add(stream);
      }
      return false;
    }
    const room = Math.min(Math.max(window, 0), this.#writer.maxFrameBytes);
    const isPrefix = head.length < 16 && stream.queue.length > 1 && head.length < room;
    const body = isPrefix ? (stream.queue[1] as Uint8Array) : head;
    const prefix = isPrefix ? head : undefined;
    const bodyRoom = room - (prefix === undefined ? 0 : prefix.length);
    const part = body.length <= bodyRoom ? body : body.subarray(0, bodyRoom);
    if (prefix !== undefined) stream.queue.shift();
    if (part.length === body.length) stream.queue.shift();
    else stream.queue[0] = body.subarray(bodyRoom);
    const byteCount = part.length + (prefix === undefined ? 0 : prefix.length);
    stream.queuedBytes -= byteCount;
    this.#queuedBytes -= byteCount;
    const isLast = stream.queue.length === 0;
    this.#write(stream, part, isLast && stream.queuedEnd === "end", prefix, false);
    this.#ready.delete(stream);
    if (isLast) {
      for (const owner of stream.queuedOwners ?? []) this.#writer.output.whenLeft(owner);
      stream.queuedOwners = undefined;
      if (stream.queuedEnd !== "none") this.#owner.onLocalEnd(stream);
    } else {
      // To the back of the line: the next pump begins with a stream that has waited longer.
      this.#ready.add(stream);
      this.#owner.onWaiting(stream);
    }
    if (stream.isUserWaiting && !stream.isClosed && stream.queuedBytes <= this.#limits.streamSendBufferBytes / 2) {
      stream.isUserWaiting = false;
      stream.handler?.onWritable();
    }
    if (this.#crowded.size > 0) this.#wakeCrowd();
    return true;
  }

  #write(
    stream: StreamState,
    bytes: Uint8Array,
    endStream: boolean,
    prefix: Uint8Array | undefined,
    isLent: boolean,
  ): void {
    const byteCount = bytes.length + (prefix === undefined ? 0 : prefix.length);
    stream.sendOffsetBytes -= byteCount;
    this.#connectionWindowBytes -= byteCount;
    this.#writer.data(stream.id, bytes, endStream, prefix, isLent);
    this.#owner.onWritten();
  }

  #wakeCrowd(): void {
    if (this.#queuedBytes * 2 > this.#limits.connectionSendBufferBytes) return;
    const crowd = [...this.#crowded];
    this.#crowded.clear();
    for (const stream of crowd) if (!stream.isClosed) stream.handler?.onWritable();
  }
}
