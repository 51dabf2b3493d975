import { Code } from "@connectrpc/connect";
import type { LimitExceeded } from "../http2/types.js";
import type { Decompressed, Decompressor, PendingDecompression } from "./decompressor.js";
import { MessageReader, type MessageSink, PREFIX_BYTES } from "./framing.js";
import type { RpcStatus } from "./status.js";

/** The bounds of what a peer may have us keep for one call. */
export interface MessageLimits {
  /** Largest message, before and after decompression. */
  readonly readMaxBytes: number;
  /** Messages that nobody has taken, decompressed, at 256 bytes each or more. */
  readonly maxUnreadBytes: number;
  readonly decompressor: Decompressor;
}

/** Gets what a {@link MessageInbox} makes of a body, in order. Must not throw. */
export interface InboxOwner {
  /** A message is complete: `wireBytes` with its prefix wait to be taken. */
  onArrived(wireBytes: number): void;
  /** Bytes have to wait for their turn, or had it: what may be given back to the sender's window is another. */
  onBacklog(): void;
  /** The same message, plain. Hand `charge` to `taken` when somebody took it. */
  onPlain(bytes: Uint8Array, wireBytes: number, charge: number): void;
  /** The body ended and every message was handed over; `isPartial`: it ended within one. */
  onBodyEnd(isPartial: boolean): void;
  /** The body can't be read any further. */
  onBodyFailure(status: RpcStatus): void;
  /** The peer went over a limit; what follows from it comes on its own. */
  onLimit(exceeded: LimitExceeded): void;
}

// What a message takes in memory, however short it is.
const MIN_CHARGE_BYTES = 256;

/**
 * The way of a body's bytes to plain messages, in order. While one is being decompressed, or while too much is unread,
 * what follows waits as it came: its bytes are not given back to the sender's window, which bounds them. A peer can
 * thus make us keep no more than the window, the unread limit and one message.
 */
export class MessageInbox implements MessageSink {
  /** How marked messages are compressed: the peer's grpc-encoding. */
  encoding = "identity";
  readonly #owner: InboxOwner;
  readonly #limits: MessageLimits;
  readonly #reader: MessageReader;
  #unreadBytes = 0;
  #isFull = false;
  #decompression: PendingDecompression | undefined;
  #didBodyEnd = false;
  #isClosed = false;
  #didTellUnread = false;

  constructor(owner: InboxOwner, limits: MessageLimits) {
    this.#owner = owner;
    this.#limits = limits;
    this.#reader = new MessageReader(this, limits.readMaxBytes);
  }

  /** Whether nothing more comes out of it. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Received bytes that wait in front of the decoder. */
  get waitingBytes(): number {
    return this.#reader.waitingBytes;
  }

  /** Whether the body ends within a message, as far as it was read. */
  get isPartial(): boolean {
    return !this.#reader.isPaused && this.#reader.isPartial;
  }

  /** Takes the next bytes of the body. */
  receive(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    const isWaiting = this.#reader.isPaused;
    this.#check(this.#reader.read(bytes));
    if (isWaiting) this.#owner.onBacklog();
  }

  /** The body ended. `onBodyEnd` follows when its last message was handed over, at once or later. */
  end(): void {
    this.#didBodyEnd = true;
    this.#settle();
  }

  /** Somebody took a message. */
  taken(charge: number): void {
    this.#unreadBytes -= charge;
    if (!this.#isFull || this.#unreadBytes > this.#limits.maxUnreadBytes / 2) return;
    this.#isFull = false;
    this.#goOn();
  }

  /** Nobody wants the rest; the owner is not called any more. */
  close(): void {
    this.#isClosed = true;
    this.#decompression?.cancel();
    this.#reader.stop();
  }

  onMessage(bytes: Uint8Array, compressed: boolean): void {
    const wireBytes = bytes.byteLength + PREFIX_BYTES;
    this.#owner.onArrived(wireBytes);
    if (this.#isClosed) return;
    if (!compressed) {
      this.#handOver(bytes, wireBytes);
      return;
    }
    const { decompressor, readMaxBytes } = this.#limits;
    const plain = decompressor.decompress(this.encoding, bytes, readMaxBytes, (result) => {
      this.#decompression = undefined;
      this.#takePlain(result, wireBytes);
      this.#goOn();
    });
    if (plain.kind === "pending") {
      this.#decompression = plain;
      this.#reader.pause();
    } else {
      this.#takePlain(plain, wireBytes);
    }
  }

  #takePlain(result: Decompressed, wireBytes: number): void {
    if (result.kind === "ok") this.#handOver(result.bytes, wireBytes);
    else this.#fail(result.status);
  }

  #handOver(bytes: Uint8Array, wireBytes: number): void {
    const charge = Math.max(bytes.byteLength, MIN_CHARGE_BYTES);
    this.#unreadBytes += charge;
    this.#owner.onPlain(bytes, wireBytes, charge);
    // Asked afterwards: a reader that waits takes it on the way.
    if (this.#unreadBytes <= this.#limits.maxUnreadBytes || this.#isClosed) return;
    this.#isFull = true;
    this.#reader.pause();
    if (this.#didTellUnread) return;
    this.#didTellUnread = true;
    this.#owner.onLimit({
      limit: "unread_message_bytes",
      message: `${this.#unreadBytes} bytes of messages are unread, more than ${this.#limits.maxUnreadBytes}: the rest waits`,
    });
  }

  #goOn(): void {
    if (this.#isClosed || this.#decompression !== undefined || this.#isFull) return;
    this.#check(this.#reader.resume());
    this.#owner.onBacklog();
    this.#settle();
  }

  #settle(): void {
    if (!this.#didBodyEnd || this.#isClosed || this.#reader.isPaused) return;
    this.#isClosed = true;
    this.#owner.onBodyEnd(this.#reader.isPartial);
  }

  #check(failure: RpcStatus | undefined): void {
    if (failure !== undefined) this.#fail(failure);
  }

  #fail(status: RpcStatus): void {
    if (this.#isClosed) return;
    this.close();
    // The reader and the decompressor give this code for nothing else.
    if (status.code === Code.ResourceExhausted) {
      this.#owner.onLimit({ limit: "message_bytes", message: status.message });
    }
    this.#owner.onBodyFailure(status);
  }
}
