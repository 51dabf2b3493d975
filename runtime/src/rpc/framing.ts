import { Code } from "@connectrpc/connect";
import type { RpcStatus } from "./status.js";

/** Bytes before each message: one flag byte, then the length, big endian (gRPC over HTTP/2, Length-Prefixed-Message). */
export const PREFIX_BYTES = 5;

/** Writes the prefix of a message of `byteLength` bytes to the first five bytes of `target`. */
export function writeMessagePrefix(target: Uint8Array, compressed: boolean, byteLength: number): void {
  target[0] = compressed ? 1 : 0;
  target[1] = byteLength >>> 24;
  target[2] = (byteLength >>> 16) & 0xff;
  target[3] = (byteLength >>> 8) & 0xff;
  target[4] = byteLength & 0xff;
}

/** Gets the messages of a {@link MessageReader}, in order. */
export interface MessageSink {
  /** One message. The bytes are the sink's to keep. */
  onMessage(bytes: Uint8Array, compressed: boolean): void;
}

/**
 * Cuts a body into messages. Each is copied once, into a buffer of its exact size; an oversized one is refused before
 * anything is allocated for it.
 */
export class MessageReader {
  readonly #sink: MessageSink;
  readonly #maxMessageBytes: number;
  // The prefix as far as it came, when a chunk ended inside it.
  #prefix: Uint8Array | undefined;
  #prefixLength = 0;
  // The message as far as it came, when a chunk ended inside it.
  #message: Uint8Array | undefined;
  #messageLength = 0;
  #isCompressed = false;

  constructor(sink: MessageSink, maxMessageBytes: number) {
    this.#sink = sink;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Whether the body stands in the middle of a message; at the end of a stream that is an error. */
  get isPartial(): boolean {
    return this.#prefixLength > 0 || this.#message !== undefined;
  }

  /** Takes the next bytes. Returns why the call must fail; nothing may be read after that. */
  read(bytes: Uint8Array): RpcStatus | undefined {
    let offset = 0;
    while (offset < bytes.byteLength) {
      if (this.#message !== undefined) {
        offset = this.#gather(this.#message, bytes, offset);
        continue;
      }
      let prefix = bytes;
      let at = offset;
      if (this.#prefixLength > 0 || bytes.byteLength - offset < PREFIX_BYTES) {
        offset = this.#gatherPrefix(bytes, offset);
        if (this.#prefixLength < PREFIX_BYTES || this.#prefix === undefined) return undefined;
        prefix = this.#prefix;
        at = 0;
        this.#prefixLength = 0;
      } else {
        offset += PREFIX_BYTES;
      }
      const flag = prefix[at] as number;
      if (flag > 1) {
        return { code: Code.Internal, message: `message prefix: flag byte 0x${flag.toString(16)} must be 0 or 1` };
      }
      const length =
        (prefix[at + 1] as number) * 0x1000000 +
        (((prefix[at + 2] as number) << 16) | ((prefix[at + 3] as number) << 8) | (prefix[at + 4] as number));
      if (length > this.#maxMessageBytes) {
        return {
          code: Code.ResourceExhausted,
          message: `message of ${length} bytes is larger than the limit of ${this.#maxMessageBytes}; raise readMaxBytes to accept it`,
        };
      }
      if (bytes.byteLength - offset >= length) {
        // A copy, because protobuf messages refer to the bytes that they were decoded from, and the chunk is not ours.
        this.#sink.onMessage(new Uint8Array(bytes.subarray(offset, offset + length)), flag === 1);
        offset += length;
      } else {
        this.#message = new Uint8Array(length);
        this.#messageLength = 0;
        this.#isCompressed = flag === 1;
      }
    }
    return undefined;
  }

  #gatherPrefix(bytes: Uint8Array, offset: number): number {
    this.#prefix ??= new Uint8Array(PREFIX_BYTES);
    const count = Math.min(PREFIX_BYTES - this.#prefixLength, bytes.byteLength - offset);
    this.#prefix.set(bytes.subarray(offset, offset + count), this.#prefixLength);
    this.#prefixLength += count;
    return offset + count;
  }

  #gather(message: Uint8Array, bytes: Uint8Array, offset: number): number {
    const count = Math.min(message.byteLength - this.#messageLength, bytes.byteLength - offset);
    message.set(bytes.subarray(offset, offset + count), this.#messageLength);
    this.#messageLength += count;
    if (this.#messageLength === message.byteLength) {
      this.#message = undefined;
      this.#sink.onMessage(message, this.#isCompressed);
    }
    return offset + count;
  }
}
