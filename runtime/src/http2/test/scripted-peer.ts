import { createVirtualClock, type VirtualClock } from "../../testing/virtual-clock.js";
import { createHttp2Connection } from "../connection.js";
import { CLIENT_PREFACE, FrameFlag, FrameType, readUint31, readUint32, writeFrameHeader } from "../frame.js";
import {
  type ConnectionError,
  ErrorCode,
  type HeaderFields,
  type Http2Connection,
  type Http2Options,
  type Http2Stream,
  type StreamError,
  type StreamHandler,
} from "../types.js";

/** A frame that the connection under test sent. */
export interface SentFrame {
  readonly type: string;
  readonly streamId: number;
  readonly flags: number;
  readonly payload: Buffer;
  /** Of RST_STREAM and GOAWAY. */
  readonly code?: string;
}

/** Everything that a stream's handler was told, in order. */
export class RecordedStream implements StreamHandler {
  stream: Http2Stream | undefined;
  readonly headers: { readonly fields: HeaderFields; readonly endStream: boolean }[] = [];
  readonly body: Buffer[] = [];
  readonly closed: (StreamError | undefined)[] = [];
  didEnd = false;
  writable = 0;
  /** Gives every byte back at once, as a handler that keeps up does. */
  consumes = true;

  onHeaders(fields: HeaderFields, endStream: boolean): void {
    this.headers.push({ fields, endStream });
    if (endStream) this.didEnd = true;
  }

  onData(bytes: Uint8Array, endStream: boolean): void {
    this.body.push(Buffer.from(bytes));
    if (endStream) this.didEnd = true;
    if (this.consumes) this.stream?.consume(bytes.byteLength);
  }

  onWritable(): void {
    this.writable += 1;
  }

  onClose(error: StreamError | undefined): void {
    this.closed.push(error);
  }
}

/** A peer that speaks in single frames, right or wrong, and what the connection under test makes of them. */
export class ScriptedPeer {
  readonly clock: VirtualClock = createVirtualClock();
  readonly connection: Http2Connection;
  readonly streams: RecordedStream[] = [];
  readonly closed: (ConnectionError | undefined)[] = [];
  /** The limits that were told to be exceeded, in order. */
  readonly limits: string[] = [];
  capacity = 0;
  /** How often reading went on after it was held back. */
  readable = 0;
  outputs = 0;
  /** Runs when the peer opened a stream, before `onStream` returns. */
  onStream: ((recorded: RecordedStream) => void) | undefined;
  readonly #role: "client" | "server";
  #sent: Buffer = Buffer.alloc(0);
  #skipPreface: boolean;

  /** `role` is that of the connection under test. */
  constructor(role: "client" | "server", options: Http2Options = {}) {
    this.#role = role;
    this.#skipPreface = role === "client";
    this.connection = createHttp2Connection({
      role,
      clock: this.clock,
      rng: () => 0.5,
      options,
      handler: {
        onOutput: () => {
          this.outputs += 1;
        },
        onStream: (stream, fields, endStream) => {
          const recorded = new RecordedStream();
          recorded.stream = stream;
          recorded.onHeaders(fields, endStream);
          this.streams.push(recorded);
          this.onStream?.(recorded);
          return recorded;
        },
        onCapacity: () => {
          this.capacity += 1;
        },
        onReadable: () => {
          this.readable += 1;
        },
        onLimit: ({ limit }) => {
          this.limits.push(limit);
        },
        onClose: (error) => {
          this.closed.push(error);
        },
      },
    });
  }

  /** Goes through the handshake of RFC 9113 section 3.4 and forgets its frames. */
  handshake(settings: readonly (readonly [number, number])[] = []): this {
    if (this.#role === "server") this.raw(Buffer.from(CLIENT_PREFACE));
    this.raw(settingsFrame(settings));
    this.raw(frame("SETTINGS", FrameFlag.ACK, 0));
    this.frames();
    return this;
  }

  raw(...bytes: Uint8Array[]): this {
    this.connection.receive(Buffer.concat(bytes));
    return this;
  }

  /** Opens a stream of the connection under test, which must be a client. */
  open(fields: HeaderFields = REQUEST, endStream = false): RecordedStream {
    const recorded = new RecordedStream();
    recorded.stream = this.connection.openStream({ fields }, undefined, endStream, recorded);
    this.streams.push(recorded);
    return recorded;
  }

  /** The frames that were sent since the last call. */
  frames(): SentFrame[] {
    const pieces = [this.#sent];
    this.connection.takeOutput((bytes) => pieces.push(Buffer.from(bytes)));
    let rest = Buffer.concat(pieces);
    if (this.#skipPreface && rest.length >= CLIENT_PREFACE.byteLength) {
      rest = rest.subarray(CLIENT_PREFACE.byteLength);
      this.#skipPreface = false;
    }
    const frames: SentFrame[] = [];
    while (rest.length >= 9) {
      const end = 9 + rest.readUIntBE(0, 3);
      if (rest.length < end) break;
      frames.push(sentFrame(rest.subarray(0, end)));
      rest = rest.subarray(end);
    }
    this.#sent = rest;
    return frames;
  }
}

/** Has an authority because some peers insist on one. */
export const REQUEST: HeaderFields = [
  ":method",
  "POST",
  ":scheme",
  "http",
  ":path",
  "/a.B/C",
  ":authority",
  "a.example",
  "te",
  "trailers",
];
export const RESPONSE: HeaderFields = [":status", "200", "content-type", "application/grpc"];

/** A frame as bytes. */
export function frame(type: keyof typeof FrameType, flags: number, streamId: number, payload?: Uint8Array): Buffer {
  const body = payload ?? new Uint8Array(0);
  const bytes = Buffer.alloc(9 + body.byteLength);
  writeFrameHeader(bytes, 0, body.byteLength, FrameType[type], flags, streamId);
  bytes.set(body, 9);
  return bytes;
}

/** A SETTINGS frame. */
export function settingsFrame(entries: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(entries.length * 6);
  for (const [index, [id, value]] of entries.entries()) {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame("SETTINGS", 0, 0, payload);
}

/** A 32-bit payload, as of WINDOW_UPDATE and RST_STREAM. */
export function uint32(value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return payload;
}

/** A header block of plain literals, which leave the dynamic table alone. Strings shorter than 127 characters. */
export function literals(fields: HeaderFields): Buffer {
  const parts: Buffer[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    parts.push(Buffer.from([0]), text(fields[index] as string), text(fields[index + 1] as string));
  }
  return Buffer.concat(parts);
}

/** HEADERS with END_HEADERS. */
export function headersFrame(streamId: number, fields: HeaderFields, endStream = false): Buffer {
  return frame("HEADERS", FrameFlag.END_HEADERS | (endStream ? FrameFlag.END_STREAM : 0), streamId, literals(fields));
}

/** DATA without padding. */
export function dataFrame(streamId: number, payload: Uint8Array, endStream = false): Buffer {
  return frame("DATA", endStream ? FrameFlag.END_STREAM : 0, streamId, payload);
}

/** GOAWAY. */
export function goAwayFrame(lastStreamId: number, code: number, debug = ""): Buffer {
  return frame("GOAWAY", 0, 0, Buffer.concat([uint32(lastStreamId), uint32(code), Buffer.from(debug)]));
}

/** Answers the PING among the frames that the connection under test sent. */
export function pingAck(sent: readonly SentFrame[]): Buffer {
  const ping = sent.find(({ type }) => type === "PING");
  if (ping === undefined) throw new Error(`no PING among ${sent.map(({ type }) => type).join(", ")}`);
  return frame("PING", FrameFlag.ACK, 0, ping.payload);
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, "latin1")]);
}

function sentFrame(bytes: Buffer): SentFrame {
  const typeNumber = bytes[3] as number;
  const type = Object.entries(FrameType).find(([, value]) => value === typeNumber)?.[0] ?? `type ${typeNumber}`;
  const payload = Buffer.from(bytes.subarray(9));
  const streamId = readUint31(bytes, 5);
  const flags = bytes[4] as number;
  if (type !== "RST_STREAM" && type !== "GOAWAY") return { type, streamId, flags, payload };
  const code = readUint32(payload, type === "GOAWAY" ? 4 : 0);
  const name = Object.entries(ErrorCode).find(([, value]) => value === code)?.[0] ?? String(code);
  return { type, streamId, flags, payload, code: name };
}
