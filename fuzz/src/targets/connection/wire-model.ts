import { CLIENT_PREFACE, FRAME_HEADER_BYTES, FrameFlag, FrameType, HeaderDecoder } from "@meshwright/runtime/wire";
import { check } from "../../input-reader.js";

const DEFAULT_WINDOW_BYTES = 65_535;
const DEFAULT_FRAME_BYTES = 16_384;
const MAX_WINDOW_BYTES = 0x7fff_ffff;
const INITIAL_WINDOW_SIZE = 4;
const MAX_FRAME_SIZE = 5;
const NO_LIMITS = { maxHeaderListBytes: 1e9, hardHeaderListBytes: 1e9, maxFieldCount: 1e9 };

interface PeerSettings {
  initialWindowBytes: number | undefined;
  maxFrameBytes: number | undefined;
}

class StreamModel {
  /** Sent by the connection: DATA, and what WINDOW_UPDATE allowed beyond the initial window. */
  sentBytes = 0;
  creditBytes = 0;
  didSendHeaders = false;
  didEnd = false;
  didReset = false;
  /** The other way. */
  receivedBytes = 0;
  grantedBytes = 0;
}

/** The largest windows that the connection may open to its peer. */
export interface WindowBounds {
  readonly streamBytes: number;
  readonly connectionBytes: number;
}

/** Told of each frame that the connection sent. */
export type OnSent = (type: number, detail: number) => void;

/**
 * The bytes on the wire in both directions, read on its own: whatever the connection sends must be legal after what it
 * was sent (RFC 9113 sections 4 to 6).
 */
export class WireModel {
  readonly #role: "client" | "server";
  readonly #bounds: WindowBounds;
  readonly #streams = new Map<number, StreamModel>();
  readonly #decoder = new HeaderDecoder(4096, NO_LIMITS);
  readonly #unacked: PeerSettings[] = [];
  readonly #onSent: OnSent;
  // What the peer sent, as far as it was fed.
  #fedPreface: number;
  #isFedBroken = false;
  #peerWindowBytes = DEFAULT_WINDOW_BYTES;
  #peerFrameBytes = DEFAULT_FRAME_BYTES;
  #connectionSentBytes = 0;
  #connectionCreditBytes = 0;
  // What the connection sent.
  #didSkipPreface: boolean;
  #didSendSettings = false;
  #ourWindowBytes = DEFAULT_WINDOW_BYTES;
  #connectionReceivedBytes = 0;
  #connectionGrantedBytes = 0;
  #goAwayId = 0x7fff_ffff;
  #highestLocalId = 0;
  #openBlockId = 0;

  constructor(role: "client" | "server", bounds: WindowBounds, onSent: OnSent) {
    this.#role = role;
    this.#bounds = bounds;
    this.#onSent = onSent;
    this.#fedPreface = role === "server" ? CLIENT_PREFACE.length : 0;
    this.#didSkipPreface = role === "server";
  }

  /** Reads the frames in what the peer has sent so far, `bytes` from `from` to `end`; returns where the rest begins. */
  fed(bytes: Buffer, from: number, end: number): number {
    let at = from;
    if (this.#fedPreface > 0) {
      if (end - at < this.#fedPreface) return at;
      at += this.#fedPreface;
      this.#fedPreface = 0;
    }
    while (!this.#isFedBroken && end - at >= FRAME_HEADER_BYTES) {
      const length = bytes.readUIntBE(at, 3);
      if (length > DEFAULT_FRAME_BYTES) this.#isFedBroken = true;
      const start = at + FRAME_HEADER_BYTES;
      if (start + length > end) return at;
      const streamId = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
      this.#fedFrame(bytes[at + 3] as number, bytes[at + 4] as number, streamId, bytes, start, start + length);
      at = start + length;
    }
    return at;
  }

  #fedFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    switch (type) {
      case FrameType.DATA:
        this.#connectionReceivedBytes += length;
        if (streamId !== 0) this.#stream(streamId).receivedBytes += length;
        return;
      case FrameType.WINDOW_UPDATE: {
        if (length !== 4) return;
        const increment = bytes.readUInt32BE(start) & 0x7fff_ffff;
        if (streamId === 0) this.#connectionCreditBytes += increment;
        else this.#stream(streamId).creditBytes += increment;
        return;
      }
      case FrameType.SETTINGS: {
        if ((flags & FrameFlag.ACK) !== 0 || length % 6 !== 0 || streamId !== 0) return;
        const settings: PeerSettings = { initialWindowBytes: undefined, maxFrameBytes: undefined };
        for (let at = start; at < end; at += 6) {
          const id = bytes.readUInt16BE(at);
          if (id === INITIAL_WINDOW_SIZE) settings.initialWindowBytes = bytes.readUInt32BE(at + 2);
          if (id === MAX_FRAME_SIZE) settings.maxFrameBytes = bytes.readUInt32BE(at + 2);
        }
        this.#unacked.push(settings);
        return;
      }
      default:
        return;
    }
  }

  /** Checks what the connection sent, whole frames in order. */
  sent(bytes: Buffer, end: number): void {
    let at = 0;
    if (!this.#didSkipPreface && end > 0) {
      check(
        bytes.compare(CLIENT_PREFACE, 0, CLIENT_PREFACE.length, 0, CLIENT_PREFACE.length) === 0,
        "a client begins with its preface",
      );
      at = CLIENT_PREFACE.length;
      this.#didSkipPreface = true;
    }
    while (at < end) {
      check(end - at >= FRAME_HEADER_BYTES, "output ends inside a frame header");
      const length = bytes.readUIntBE(at, 3);
      const start = at + FRAME_HEADER_BYTES;
      check(start + length <= end, "output ends inside a frame");
      check(length <= this.#peerFrameBytes, "a frame above the peer's MAX_FRAME_SIZE");
      const streamId = bytes.readUInt32BE(at + 5);
      check(streamId <= 0x7fff_ffff, "the reserved bit of a stream id is set");
      this.#sentFrame(bytes[at + 3] as number, bytes[at + 4] as number, streamId, bytes, start, start + length);
      at = start + length;
    }
  }

  #sentFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    check(this.#didSendSettings || type === FrameType.SETTINGS, "the first frame is SETTINGS");
    check(this.#openBlockId === 0 || type === FrameType.CONTINUATION, "a header block is not interrupted");
    let detail = flags;
    switch (type) {
      case FrameType.DATA:
        this.#sentData(this.#sendingStream(streamId), flags, length);
        break;
      case FrameType.HEADERS:
        this.#sentHeaders(flags, streamId, bytes, start, end);
        break;
      case FrameType.CONTINUATION:
        check(streamId === this.#openBlockId, "CONTINUATION belongs to a header block");
        if ((flags & FrameFlag.END_HEADERS) !== 0) this.#openBlockId = 0;
        break;
      case FrameType.RST_STREAM:
        check(length === 4 && streamId !== 0, "RST_STREAM has 4 bytes and a stream");
        this.#stream(streamId).didReset = true;
        detail = bytes.readUInt32BE(start);
        break;
      case FrameType.SETTINGS:
        this.#sentSettings(flags, streamId, bytes, start, end);
        break;
      case FrameType.PING:
        check(length === 8 && streamId === 0, "PING has 8 bytes and no stream");
        break;
      case FrameType.GOAWAY: {
        check(length >= 8 && streamId === 0, "GOAWAY has 8 bytes or more and no stream");
        const lastId = bytes.readUInt32BE(start);
        check(lastId <= this.#goAwayId, "the last id of GOAWAY never rises");
        this.#goAwayId = lastId;
        detail = bytes.readUInt32BE(start + 4);
        break;
      }
      case FrameType.WINDOW_UPDATE:
        check(length === 4, "WINDOW_UPDATE has 4 bytes");
        this.#granted(streamId, bytes.readUInt32BE(start));
        break;
      default:
        check(false, `a frame of type ${type}`);
    }
    this.#onSent(type, detail);
  }

  #sentData(stream: StreamModel, flags: number, length: number): void {
    check(stream.didSendHeaders, "DATA before HEADERS");
    stream.sentBytes += length;
    this.#connectionSentBytes += length;
    if (length > 0) {
      check(stream.sentBytes <= this.#peerWindowBytes + stream.creditBytes, "DATA beyond the stream's window");
      const connectionBytes = DEFAULT_WINDOW_BYTES + this.#connectionCreditBytes;
      check(this.#connectionSentBytes <= connectionBytes, "DATA beyond the connection's window");
    }
    if ((flags & FrameFlag.END_STREAM) !== 0) stream.didEnd = true;
  }

  #sentHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const isOurs = (streamId & 1) === (this.#role === "client" ? 1 : 0);
    check(isOurs === (this.#role === "client"), "a server opens no streams, and a client none with an even id");
    if (this.#role === "client" && streamId > this.#highestLocalId) this.#highestLocalId = streamId;
    else if (this.#role === "client") check(this.#stream(streamId).didSendHeaders, "stream ids only rise");
    const stream = this.#sendingStream(streamId);
    stream.didSendHeaders = true;
    if ((flags & FrameFlag.END_STREAM) !== 0) stream.didEnd = true;
    if ((flags & FrameFlag.END_HEADERS) === 0) {
      this.#openBlockId = streamId;
      return;
    }
    check(this.#decoder.decode(bytes, start, end) === "ok", "a header block can't be decoded by the peer");
  }

  #sentSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    check(streamId === 0 && (end - start) % 6 === 0, "SETTINGS has entries of 6 bytes and no stream");
    if ((flags & FrameFlag.ACK) !== 0) {
      check(this.#didSendSettings, "the first frame is SETTINGS, not its acknowledgement");
      check(end === start, "an acknowledgement of SETTINGS is empty");
      const settings = this.#unacked.shift();
      check(settings !== undefined, "SETTINGS that did not come were acknowledged");
      this.#peerWindowBytes = settings.initialWindowBytes ?? this.#peerWindowBytes;
      this.#peerFrameBytes = settings.maxFrameBytes ?? this.#peerFrameBytes;
      return;
    }
    this.#didSendSettings = true;
    for (let at = start; at < end; at += 6) {
      if (bytes.readUInt16BE(at) === INITIAL_WINDOW_SIZE) this.#ourWindowBytes = bytes.readUInt32BE(at + 2);
    }
  }

  #granted(streamId: number, increment: number): void {
    check(increment > 0 && increment <= MAX_WINDOW_BYTES, "WINDOW_UPDATE of 0 or above 2^31-1");
    if (streamId === 0) {
      this.#connectionGrantedBytes += increment;
      const openBytes = DEFAULT_WINDOW_BYTES + this.#connectionGrantedBytes - this.#connectionReceivedBytes;
      check(openBytes <= this.#bounds.connectionBytes, "more was given back to the connection than was received");
      return;
    }
    const stream = this.#stream(streamId);
    check(!stream.didReset, "WINDOW_UPDATE after RST_STREAM");
    stream.grantedBytes += increment;
    const initialBytes = Math.max(this.#ourWindowBytes, DEFAULT_WINDOW_BYTES);
    const openBytes = initialBytes + stream.grantedBytes - stream.receivedBytes;
    // A stream that is read gets some window more while others, which nobody reads, hold most of the connection's.
    const extraBytes = this.#bounds.connectionBytes / 2;
    const boundBytes = Math.max(this.#bounds.streamBytes, DEFAULT_WINDOW_BYTES) + extraBytes;
    check(openBytes <= boundBytes, "more was given back to a stream than was received");
  }

  #sendingStream(streamId: number): StreamModel {
    check(streamId !== 0, "HEADERS or DATA without a stream");
    const stream = this.#stream(streamId);
    check(!stream.didEnd, "HEADERS or DATA after END_STREAM");
    check(!stream.didReset, "HEADERS or DATA after RST_STREAM");
    return stream;
  }

  #stream(streamId: number): StreamModel {
    let stream = this.#streams.get(streamId);
    if (stream === undefined) {
      stream = new StreamModel();
      this.#streams.set(streamId, stream);
    }
    return stream;
  }
}
