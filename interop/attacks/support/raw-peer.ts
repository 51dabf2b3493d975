import { connect as connectSocket, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { data, Flag, FrameType, PREFACE, ping, Setting, settings, settingsAck } from "./frames.js";

/** How a peer behaves that nobody tells what to do. */
export interface RawPeerOptions {
  /** Reads what the victim says. Defaults to true. */
  readonly reads?: boolean;
  /** Acknowledges SETTINGS and PING. Defaults to true. */
  readonly acknowledges?: boolean;
}

/** A GOAWAY of the victim. */
export interface SeenGoAway {
  readonly code: number;
  readonly debug: string;
  readonly lastStreamId: number;
  readonly atMs: number;
}

/** Why {@link RawPeer.flood} stopped. */
export type FloodEnd = "closed" | "stalled" | "time" | "bytes";

const STALL_MS = 300;

/** One end of a socket at which anything may be sent: an attacker. Times are milliseconds since its start. */
export class RawPeer {
  readonly startMs: number = performance.now();
  /** Frames received, by type. */
  readonly frames = new Map<number, number>();
  /** RST_STREAM received, by code. */
  readonly resets = new Map<number, number>();
  /** GOAWAYs received. */
  readonly goAways: SeenGoAway[] = [];
  /** Streams whose response the victim has ended, RST_STREAM excluded. */
  endedStreams = 0;
  /** Streams that the victim opened. */
  openedStreams = 0;
  lastOpenedStreamId = 0;
  dataBytes = 0;
  /** Everything received. */
  receivedBytes = 0;
  sentBytes = 0;
  closedAtMs: number | undefined;
  /** Gets every frame. */
  onFrame: ((type: number, flags: number, streamId: number, payload: Buffer) => void) | undefined;
  readonly socket: Socket;
  /** What the victim still takes on the connection, and on streams that have sent something. */
  connectionWindowBytes = 65_535;
  readonly streamWindowBytes = new Map<number, number>();
  initialWindowBytes = 65_535;
  readonly #acknowledges: boolean;
  #rest: Buffer = Buffer.alloc(0);
  #prefaceBytes: number;
  readonly #closed: Promise<void>;

  constructor(socket: Socket, role: "client" | "server", { reads = true, acknowledges = true }: RawPeerOptions = {}) {
    this.socket = socket;
    this.#acknowledges = acknowledges;
    this.#prefaceBytes = role === "server" ? PREFACE.byteLength : 0;
    this.#closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.closedAtMs ??= this.nowMs();
        resolve();
      });
    });
    // A victim that has enough may reset the connection.
    socket.on("error", () => {});
    socket.on("end", () => {
      this.closedAtMs ??= this.nowMs();
      socket.end();
    });
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    if (!reads) socket.pause();
  }

  /** Connects to a victim. */
  static async connect(address: string, options?: RawPeerOptions): Promise<RawPeer> {
    const [host = "", port = ""] = address.split(":");
    const socket = connectSocket({ host, port: Number(port), noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new RawPeer(socket, "client", options);
  }

  get isClosed(): boolean {
    return this.closedAtMs !== undefined || this.socket.destroyed;
  }

  nowMs(): number {
    return performance.now() - this.startMs;
  }

  /** Says what a client says first. */
  hello(entries: readonly (readonly [id: number, value: number])[] = []): void {
    this.write(Buffer.concat([PREFACE, settings(entries)]));
  }

  /** Sends bytes, however many wait already. */
  write(...parts: readonly Buffer[]): boolean {
    if (this.isClosed) return false;
    const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    this.sentBytes += bytes.byteLength;
    return this.socket.write(bytes);
  }

  /**
   * Sends chunk after chunk, as fast as they are taken, until the victim closes, takes nothing for some time, or the
   * time or the bytes are used up.
   */
  async flood(
    chunk: Buffer | ((index: number) => Buffer),
    { forMs = 1500, maxBytes = 64 * 1024 * 1024, chunksPerTurn = 1 } = {},
  ): Promise<FloodEnd> {
    const endMs = performance.now() + forMs;
    const endBytes = this.sentBytes + maxBytes;
    for (let index = 0; ; index += 1) {
      if (this.isClosed) return "closed";
      if (performance.now() >= endMs) return "time";
      if (this.sentBytes >= endBytes) return "bytes";
      if (!this.write(typeof chunk === "function" ? chunk(index) : chunk)) {
        if (!(await this.#drained())) return this.isClosed ? "closed" : "stalled";
      } else if (index % chunksPerTurn === 0) {
        await turn();
      }
    }
  }

  /** Sends a body as the victim's windows let it, until no more credit comes. Returns how many bytes it took. */
  async body(streamId: number, bytes: Buffer, isLast = true): Promise<number> {
    let offset = 0;
    while (offset < bytes.byteLength) {
      const hasCredit = (): boolean => this.connectionWindowBytes > 0 && this.#windowOf(streamId) > 0;
      if (this.isClosed || (!hasCredit() && !(await this.until(hasCredit, STALL_MS)))) return offset;
      const room = Math.min(this.connectionWindowBytes, this.#windowOf(streamId), 16_384);
      const part = bytes.subarray(offset, offset + room);
      offset += part.byteLength;
      this.connectionWindowBytes -= part.byteLength;
      this.streamWindowBytes.set(streamId, this.#windowOf(streamId) - part.byteLength);
      if (!this.write(data(streamId, part, isLast && offset === bytes.byteLength ? Flag.END_STREAM : 0))) await turn();
    }
    return offset;
  }

  /** Waits until the victim has closed, or for some time; what it said is read in any case. */
  async closed(withinMs: number): Promise<boolean> {
    this.socket.resume();
    await Promise.race([this.#closed, new Promise((resolve) => setTimeout(resolve, withinMs).unref())]);
    return this.isClosed;
  }

  /** Waits for something, such as an answer. False when it did not come. */
  async until(isThere: () => boolean, withinMs = 1000): Promise<boolean> {
    for (const endMs = performance.now() + withinMs; !isThere(); ) {
      if (performance.now() >= endMs || this.isClosed) return isThere();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return true;
  }

  count(type: number): number {
    return this.frames.get(type) ?? 0;
  }

  resetCount(): number {
    return [...this.resets.values()].reduce((sum, count) => sum + count, 0);
  }

  destroy(): void {
    this.socket.destroy();
  }

  #windowOf(streamId: number): number {
    return this.streamWindowBytes.get(streamId) ?? this.initialWindowBytes;
  }

  #drained(): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isDrained: boolean) => (): void => {
        clearTimeout(timer);
        this.socket.off("drain", onDrain);
        this.socket.off("close", onClose);
        resolve(isDrained);
      };
      const onDrain = end(true);
      const onClose = end(false);
      const timer = setTimeout(end(false), STALL_MS);
      this.socket.once("drain", onDrain);
      this.socket.once("close", onClose);
    });
  }

  #read(chunk: Buffer): void {
    this.receivedBytes += chunk.byteLength;
    let bytes = this.#rest.byteLength > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    if (this.#prefaceBytes > 0) {
      if (bytes.byteLength < this.#prefaceBytes) {
        this.#rest = bytes;
        return;
      }
      bytes = bytes.subarray(this.#prefaceBytes);
      this.#prefaceBytes = 0;
    }
    let offset = 0;
    while (bytes.byteLength - offset >= 9) {
      const end = offset + 9 + bytes.readUIntBE(offset, 3);
      if (end > bytes.byteLength) break;
      this.#onFrame(
        bytes[offset + 3] as number,
        bytes[offset + 4] as number,
        bytes.readUInt32BE(offset + 5),
        bytes.subarray(offset + 9, end),
      );
      offset = end;
    }
    this.#rest = bytes.subarray(offset);
  }

  /** RFC 9113 section 6.9.2: the windows of streams that have sent change with it, below 0 as well. */
  #setInitialWindow(byteCount: number): void {
    const change = byteCount - this.initialWindowBytes;
    this.initialWindowBytes = byteCount;
    for (const [id, windowBytes] of this.streamWindowBytes) this.streamWindowBytes.set(id, windowBytes + change);
  }

  #onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    this.frames.set(type, this.count(type) + 1);
    switch (type) {
      case FrameType.DATA:
        this.dataBytes += payload.byteLength;
        if ((flags & Flag.END_STREAM) !== 0) this.endedStreams += 1;
        break;
      case FrameType.HEADERS:
        if (streamId > this.lastOpenedStreamId) {
          this.lastOpenedStreamId = streamId;
          this.openedStreams += 1;
        }
        if ((flags & Flag.END_STREAM) !== 0) this.endedStreams += 1;
        break;
      case FrameType.RST_STREAM: {
        const code = payload.readUInt32BE(0);
        this.resets.set(code, (this.resets.get(code) ?? 0) + 1);
        break;
      }
      case FrameType.SETTINGS:
        for (let at = 0; (flags & Flag.ACK) === 0 && at + 6 <= payload.byteLength; at += 6) {
          if (payload.readUInt16BE(at) === Setting.INITIAL_WINDOW_SIZE)
            this.#setInitialWindow(payload.readUInt32BE(at + 2));
        }
        if (this.#acknowledges && (flags & Flag.ACK) === 0) this.write(settingsAck());
        break;
      case FrameType.PING:
        if (this.#acknowledges && (flags & Flag.ACK) === 0) this.write(ping(payload.toString("latin1"), Flag.ACK));
        break;
      case FrameType.WINDOW_UPDATE: {
        const increment = payload.readUInt32BE(0);
        if (streamId === 0) this.connectionWindowBytes += increment;
        else this.streamWindowBytes.set(streamId, this.#windowOf(streamId) + increment);
        break;
      }
      case FrameType.GOAWAY:
        this.goAways.push({
          lastStreamId: payload.readUInt32BE(0),
          code: payload.readUInt32BE(4),
          debug: payload.toString("utf8", 8),
          atMs: this.nowMs(),
        });
        break;
    }
    this.onFrame?.(type, flags, streamId, payload);
  }
}
