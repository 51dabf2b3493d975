import type { Http2Options } from "../limits.js";
import {
  dataFrame,
  frame,
  headersFrame,
  pingAck,
  REQUEST,
  type RecordedStream,
  ScriptedPeer,
} from "./scripted-peer.js";

const INITIAL_WINDOW_SIZE = 4;
const MAX_FRAME_BYTES = 16_384;
const ACK = 1;

/** A client that keeps to the windows of a server under test, and sends as much as they allow. */
export class WindowClient {
  readonly peer: ScriptedPeer;
  /** What it may send. */
  connectionBytes = 65_535;
  initialBytes = 65_535;
  /** SETTINGS that it has received and not acknowledged. */
  unacknowledged = 0;
  settingsFrames = 0;
  /** Acknowledges SETTINGS as it reads them. */
  acknowledges = true;
  /** WINDOW_UPDATE and what was sent, by stream. */
  readonly #offsets = new Map<number, number>();
  readonly #sent = new Map<number, number>();
  #nextId = 1;

  constructor(options: Http2Options = {}) {
    this.peer = new ScriptedPeer("server", options);
    this.peer.onStream = (recorded) => {
      recorded.consumes = false;
    };
    this.peer.raw(Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame("SETTINGS", 0, 0));
    this.read();
  }

  open(): number {
    const id = this.#nextId;
    this.#nextId += 2;
    this.#offsets.set(id, 0);
    this.peer.raw(headersFrame(id, REQUEST));
    return id;
  }

  recorded(id: number): RecordedStream {
    const recorded = this.peer.streams[(id - 1) / 2];
    if (recorded === undefined) throw new Error(`stream ${id} was not opened`);
    return recorded;
  }

  sentOn(id: number): number {
    return this.#sent.get(id) ?? 0;
  }

  windowOf(id: number): number {
    return this.initialBytes + (this.#offsets.get(id) ?? 0);
  }

  /** Sends up to `byteCount` bytes on a stream; returns how many the windows allowed. */
  send(id: number, byteCount: number): number {
    let left = byteCount;
    while (left > 0) {
      const count = Math.min(left, MAX_FRAME_BYTES, this.windowOf(id), this.connectionBytes);
      if (count <= 0) break;
      this.force(id, count);
      left -= count;
      this.read();
    }
    return byteCount - left;
  }

  /** Sends one frame, whatever the windows say. */
  force(id: number, byteCount: number): void {
    this.connectionBytes -= byteCount;
    this.#offsets.set(id, (this.#offsets.get(id) ?? 0) - byteCount);
    this.#sent.set(id, this.sentOn(id) + byteCount);
    this.peer.raw(dataFrame(id, Buffer.alloc(byteCount)));
  }

  acknowledge(): void {
    for (; this.unacknowledged > 0; this.unacknowledged -= 1) this.peer.raw(frame("SETTINGS", ACK, 0));
  }

  /** Reads what the server has said. */
  read(): void {
    for (let frames = this.peer.frames(); frames.length > 0; frames = this.peer.frames()) {
      for (const { type, flags, streamId, payload } of frames) {
        if (type === "WINDOW_UPDATE") {
          if (streamId === 0) this.connectionBytes += payload.readUInt32BE(0);
          else this.#offsets.set(streamId, (this.#offsets.get(streamId) ?? 0) + payload.readUInt32BE(0));
        }
        if (type === "SETTINGS" && (flags & ACK) === 0) {
          for (let at = 0; at < payload.length; at += 6) {
            if (payload.readUInt16BE(at) === INITIAL_WINDOW_SIZE) this.initialBytes = payload.readUInt32BE(at + 2);
          }
          this.unacknowledged += 1;
          this.settingsFrames += 1;
        }
        if (type === "PING" && (flags & ACK) === 0) this.peer.raw(pingAck(frames));
      }
      if (this.acknowledges) this.acknowledge();
    }
  }
}
