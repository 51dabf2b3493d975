import {
  CLIENT_PREFACE,
  DEFAULT_MAX_FRAME_BYTES,
  FRAME_HEADER_BYTES,
  FrameFlag,
  FrameType,
  writeFrameHeader,
  writeUint32,
} from "./frame.js";
import { HeaderEncoder } from "./hpack/encoder.js";
import { OutputBuffer } from "./output-buffer.js";
import type { HeaderFields, HeaderTemplate } from "./types.js";

// From this size on, the payload is handed to the socket as it is: a copy would cost more than another piece.
const BY_REFERENCE_BYTES = 4096;

/** Writes frames into the output buffer. Frame after frame, in sending order; no frame is ever half written. */
export class FrameWriter {
  readonly output: OutputBuffer = new OutputBuffer();
  readonly encoder: HeaderEncoder;
  /** SETTINGS_MAX_FRAME_SIZE of the peer. */
  maxFrameBytes: number = DEFAULT_MAX_FRAME_BYTES;
  /** The DATA frame that was written last: where its header is, where it ends, its length and its stream. */
  #dataRound = -1;
  #dataAt = 0;
  #dataEnd = 0;
  #dataBytes = 0;
  #dataStreamId = 0;

  /** `maxTableBytes` bounds the encoder's dynamic table, whatever the peer allows. */
  constructor(maxTableBytes: number) {
    this.encoder = new HeaderEncoder(maxTableBytes);
  }

  preface(): void {
    this.output.append(CLIENT_PREFACE);
  }

  settings(entries: readonly (readonly [id: number, value: number])[]): void {
    const at = this.#begin(entries.length * 6, FrameType.SETTINGS, 0, 0);
    const { slab } = this.output;
    for (const [index, [id, value]] of entries.entries()) {
      slab[at + index * 6] = id >>> 8;
      slab[at + index * 6 + 1] = id;
      writeUint32(slab, at + index * 6 + 2, value);
    }
  }

  settingsAck(): void {
    this.#begin(0, FrameType.SETTINGS, FrameFlag.ACK, 0);
  }

  /** A PING with the 8 bytes of `payload` from `start`. */
  ping(payload: Uint8Array, start: number, isAck: boolean): void {
    const at = this.#begin(8, FrameType.PING, isAck ? FrameFlag.ACK : 0, 0);
    for (let index = 0; index < 8; index++) this.output.slab[at + index] = payload[start + index] as number;
  }

  windowUpdate(streamId: number, byteCount: number): void {
    this.#word(FrameType.WINDOW_UPDATE, streamId, byteCount);
  }

  rstStream(streamId: number, code: number): void {
    this.#word(FrameType.RST_STREAM, streamId, code);
  }

  goAway(lastStreamId: number, code: number, debug: string): void {
    const text = Buffer.from(debug.slice(0, 256), "utf8");
    const at = this.#begin(8 + text.length, FrameType.GOAWAY, 0, 0);
    writeUint32(this.output.slab, at, lastStreamId);
    writeUint32(this.output.slab, at + 4, code);
    text.copy(this.output.slab, at + 8);
  }

  /** HEADERS, and CONTINUATION frames when the block does not fit into one. */
  headers(streamId: number, template: HeaderTemplate, extra: HeaderFields | undefined, endStream: boolean): void {
    const { output, encoder } = this;
    output.reserve(FRAME_HEADER_BYTES + encoder.bound(template, extra));
    const at = output.position;
    output.position = at + FRAME_HEADER_BYTES;
    const length = encoder.encode(output, template, extra);
    const endFlag = endStream ? FrameFlag.END_STREAM : 0;
    if (length <= this.maxFrameBytes) {
      writeFrameHeader(output.slab, at, length, FrameType.HEADERS, FrameFlag.END_HEADERS | endFlag, streamId);
      return;
    }
    const block = Buffer.from(output.slab.subarray(at + FRAME_HEADER_BYTES, output.position));
    output.position = at;
    for (let start = 0; start < length; start += this.maxFrameBytes) {
      const end = Math.min(length, start + this.maxFrameBytes);
      const flags = (start === 0 ? endFlag : 0) | (end === length ? FrameFlag.END_HEADERS : 0);
      const type = start === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
      const payloadAt = this.#begin(end - start, type, flags, streamId);
      block.copy(output.slab, payloadAt, start, end);
    }
  }

  /**
   * One DATA frame of `prefix`, if given, and `bytes`; those that are lent are copied. What fits into the frame of the
   * same stream right before it goes there: small messages cost either side much less together. The caller keeps to
   * windows and frame size.
   */
  data(streamId: number, bytes: Uint8Array, endStream: boolean, prefix: Uint8Array | undefined, isLent: boolean): void {
    const { output } = this;
    const prefixBytes = prefix === undefined ? 0 : prefix.length;
    const length = prefixBytes + bytes.length;
    const isCopied = isLent || bytes.length < BY_REFERENCE_BYTES;
    const flags = endStream ? FrameFlag.END_STREAM : 0;
    output.reserve(FRAME_HEADER_BYTES + prefixBytes + (isCopied ? bytes.length : 0));
    const { slab } = output;
    let at = output.position;
    if (isCopied && this.#isDataOpen(streamId, length)) {
      this.#dataBytes += length;
      output.dataByteCount += length;
      writeFrameHeader(slab, this.#dataAt, this.#dataBytes, FrameType.DATA, flags, streamId);
    } else {
      this.#dataRound = output.round;
      this.#dataAt = at;
      this.#dataBytes = length;
      this.#dataStreamId = streamId;
      output.dataByteCount += FRAME_HEADER_BYTES + length;
      writeFrameHeader(slab, at, length, FrameType.DATA, flags, streamId);
      at += FRAME_HEADER_BYTES;
    }
    if (prefix !== undefined) {
      for (let index = 0; index < prefixBytes; index++) slab[at + index] = prefix[index] as number;
      at += prefixBytes;
    }
    if (isCopied) {
      slab.set(bytes, at);
      output.position = this.#dataEnd = at + bytes.length;
    } else {
      output.position = at;
      this.#dataRound = -1;
      output.append(bytes);
    }
  }

  /** Whether the last thing in the output is a DATA frame of this stream with room for `length` bytes. */
  #isDataOpen(streamId: number, length: number): boolean {
    const { output } = this;
    return (
      this.#dataRound === output.round &&
      this.#dataEnd === output.position &&
      this.#dataStreamId === streamId &&
      this.#dataAt >= output.pieceStart &&
      this.#dataBytes + length <= this.maxFrameBytes
    );
  }

  /** Writes a frame whose payload is one 32-bit word. */
  #word(type: number, streamId: number, value: number): void {
    // In this order: making room may change the slab.
    const at = this.#begin(4, type, 0, streamId);
    writeUint32(this.output.slab, at, value);
  }

  /** Writes a frame header and makes room for its payload; returns where the payload goes. */
  #begin(length: number, type: number, flags: number, streamId: number): number {
    const { output } = this;
    output.reserve(FRAME_HEADER_BYTES + length);
    const at = output.position;
    writeFrameHeader(output.slab, at, length, type, flags, streamId);
    output.position = at + FRAME_HEADER_BYTES + length;
    return at + FRAME_HEADER_BYTES;
  }
}
