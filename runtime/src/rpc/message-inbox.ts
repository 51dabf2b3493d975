import { Code } from "@connectrpc/connect";
import type { LimitExceeded } from "../http2/types.js";
import { type CodingResult, decompress } from "./compression.js";
import { PREFIX_BYTES } from "./framing.js";
import { MessageReader, type MessageSink, UNASKED_BYTES } from "./message-reader.js";
import type { MessageRoom, Reservation, RoomOwner } from "./message-room.js";
import type { RpcStatus } from "./status.js";

/** The bounds of what a peer may have us keep for one call. */
export interface MessageLimits {
  /** Largest message, before and after decompression. */
  readonly readMaxBytes: number;
}

/** Gets what a {@link MessageInbox} makes of a body, in order. Must not throw. */
export interface InboxOwner {
  /** Where large messages of the connection get their memory. Asked for only when there is one. */
  readonly messageRoom: MessageRoom;
  /** A message is whole; it may wait for its turn. */
  onArrived(): void;
  /** What waited had its turn: what {@link MessageInbox.claim} says is another. */
  onBacklog(): void;
  /** A message, plain. */
  onPlain(bytes: Uint8Array): void;
  /** The body ended and every message was handed over; `isPartial`: it ended within one. */
  onBodyEnd(isPartial: boolean): void;
  /** The body can't be read any further. */
  onBodyFailure(status: RpcStatus): void;
  /** The peer went over a limit; what follows from it comes on its own. */
  onLimit(exceeded: LimitExceeded): void;
}

/** A message in the form that it came in. */
interface WireMessage {
  readonly bytes: Uint8Array;
  readonly isCompressed: boolean;
}

/**
 * The way of a body's bytes to plain messages, in order. A message is cut, decompressed and handed over only when
 * somebody asks for it: until then its bytes wait as they came and are not given back to the sender's window, which
 * bounds them. Whoever asks always gets the next one, whatever others have not read.
 *
 * Of an unfinished message that was asked for, bytes are given back as they come, or one larger than the window could
 * never arrive. Its memory is set aside in the connection's {@link MessageRoom}; without, it waits within the window.
 */
export class MessageInbox implements MessageSink, RoomOwner {
  /** How marked messages are compressed: the peer's grpc-encoding. */
  encoding = "identity";
  readonly #owner: InboxOwner;
  readonly #limits: MessageLimits;
  readonly #isSingle: boolean;
  readonly #reader: MessageReader;
  #reservation: Reservation | undefined;
  /** The message of a call that has one, until the body has ended. */
  #single: WireMessage | undefined;
  #isDecompressing = false;
  #didBodyEnd = false;
  #isClosed = false;
  #receivedBytes = 0;
  #claimedBytes = 0;

  /** `isSingle`: there is one message, handed over without being asked for at the end of its body, and not before. */
  constructor(owner: InboxOwner, limits: MessageLimits, isSingle: boolean) {
    this.#owner = owner;
    this.#limits = limits;
    this.#isSingle = isSingle;
    this.#reader = new MessageReader(this, limits.readMaxBytes);
    if (!isSingle) this.#reader.pause();
  }

  /** Whether nothing more comes out of it. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Received bytes that nobody has looked at. */
  get waitingBytes(): number {
    return this.#reader.waitingBytes;
  }

  /** Whether the body ends within a message, as far as it was read. */
  get isPartial(): boolean {
    return !this.#reader.isPaused && this.#reader.isPartial;
  }

  /** Takes the next bytes of the body. What it does not need any more is for {@link claim}. */
  receive(bytes: Uint8Array): void {
    this.#receivedBytes += bytes.byteLength;
    if (this.#isClosed) return;
    this.#check(this.#reader.read(bytes));
    if (bytes.byteLength > 0) this.#reservation?.progress(bytes.byteLength);
  }

  /** The body ended. `onBodyEnd` follows when its last message was handed over, at once or later. */
  end(): void {
    this.#didBodyEnd = true;
    const single = this.#single;
    this.#single = undefined;
    if (single !== undefined && !this.#isClosed) this.#deliver(single);
    this.#settle();
  }

  /** Asks for one message: it is handed over as soon as it is there, also before this returns. */
  ask(): void {
    if (this.#isClosed) return;
    // While one is being decompressed, that is the one.
    if (this.#isDecompressing) return;
    this.#check(this.#reader.resume());
    this.#settle();
  }

  /** The received bytes to give back to the sender's window now; the caller does. */
  claim(): number {
    const due = this.#receivedBytes - this.#keptBytes - this.#claimedBytes;
    if (due <= 0) return 0;
    this.#claimedBytes += due;
    return due;
  }

  /** Nobody wants the rest; the owner is not called any more. */
  close(): void {
    this.#isClosed = true;
    this.#single = undefined;
    this.#reader.stop();
    this.#release();
  }

  // ---- MessageSink

  onArrived(): void {
    if (!this.#isClosed) this.#owner.onArrived();
  }

  onMessage(bytes: Uint8Array, isCompressed: boolean): void {
    this.#reader.pause();
    if (!this.#isSingle) return this.#deliver({ bytes, isCompressed });
    this.#single = { bytes, isCompressed };
    // It came within the window, and stays there.
    if (this.#reservation?.isGranted === false) this.#release();
  }

  reserve(byteCount: number): boolean {
    if (this.#reservation === undefined) {
      const { messageRoom } = this.#owner;
      const wasFull = messageRoom.wasFull;
      this.#reservation = messageRoom.reserve(this, byteCount);
      if (messageRoom.wasFull && !wasFull) {
        this.#owner.onLimit({
          limit: "unfinished_message_bytes",
          message: `there is no room for a message of ${byteCount} bytes beside those that are unfinished: it waits`,
        });
      }
    }
    return this.#reservation.isGranted;
  }

  // ---- RoomOwner

  onRoom(): void {
    if (this.#isClosed) return;
    this.#check(this.#reader.resume());
    this.#owner.onBacklog();
  }

  onStalled(message: string): void {
    this.#owner.onLimit({ limit: "unfinished_message_timeout", message });
    this.#fail({ code: Code.ResourceExhausted, message });
  }

  // ---- the rest

  /** Bytes that stay within the window: what was not looked at, and a message that is kept without a place in the room. */
  get #keptBytes(): number {
    const length = this.#single?.bytes.byteLength ?? 0;
    const isInWindow = length > UNASKED_BYTES && !this.#reservation?.isGranted;
    return this.#reader.waitingBytes + (isInWindow ? length + PREFIX_BYTES : 0);
  }

  #deliver({ bytes, isCompressed }: WireMessage): void {
    if (!isCompressed) return this.#handOver(bytes);
    this.#reservation?.finish();
    const plain = decompress(this.encoding, bytes, this.#limits.readMaxBytes);
    if (!(plain instanceof Promise)) return this.#take(plain);
    this.#isDecompressing = true;
    void plain.then((result) => {
      this.#isDecompressing = false;
      if (this.#isClosed) return;
      this.#take(result);
      this.#settle();
      this.#owner.onBacklog();
    });
  }

  #take(result: CodingResult): void {
    if (result.kind === "ok") return this.#handOver(result.bytes);
    if (result.status.code === Code.ResourceExhausted) this.#tellTooLarge(result.status);
    this.#fail(result.status);
  }

  #handOver(bytes: Uint8Array): void {
    this.#release();
    this.#owner.onPlain(bytes);
  }

  #settle(): void {
    if (!this.#didBodyEnd || this.#isClosed || this.#isDecompressing || this.#reader.isReading) return;
    // What waits is whole messages that nobody has asked for, or the beginning of one that can't become whole.
    if (this.#reader.isPaused && this.#reader.waitingBytes > 0) return;
    const { isPartial } = this.#reader;
    this.close();
    this.#owner.onBodyEnd(isPartial);
  }

  #release(): void {
    this.#reservation?.release();
    this.#reservation = undefined;
  }

  #check(failure: RpcStatus | undefined): void {
    if (failure === undefined || this.#isClosed) return;
    // The reader gives this code for nothing else.
    if (failure.code === Code.ResourceExhausted) this.#tellTooLarge(failure);
    this.#fail(failure);
  }

  #tellTooLarge({ message }: RpcStatus): void {
    this.#owner.onLimit({ limit: "message_bytes", message });
  }

  #fail(status: RpcStatus): void {
    if (this.#isClosed) return;
    this.close();
    this.#owner.onBodyFailure(status);
  }
}
