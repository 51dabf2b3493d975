import { Code } from "@connectrpc/connect";
import type { LimitExceeded } from "../http2/types.js";
import type { Decompressed, Decompressor, PendingDecompression } from "./decompressor.js";
import { PREFIX_BYTES } from "./framing.js";
import { MessageReader, type MessageSink, UNASKED_BYTES } from "./message-reader.js";
import type { MessageRoom, Reservation, RoomOwner } from "./message-room.js";
import type { RpcStatus } from "./status.js";

/** The bounds of what a peer may have us keep for one call. */
export interface MessageLimits {
  /** Largest message, before and after decompression. */
  readonly readMaxBytes: number;
  readonly decompressor: Decompressor;
}

/** Gets what a {@link MessageInbox} makes of a body, in order. Must not throw. */
export interface InboxOwner {
  /** The memory for messages of the connection. Asked for once, when something has come. */
  readonly messageRoom: MessageRoom;
  /** A message is whole; it may wait for its turn. */
  onArrived(): void;
  /** What waited had its turn: what {@link MessageInbox.claim} says is another. */
  onBacklog(): void;
  /**
   * A message, plain, which came as `wireBytes`. Unless there is one message only: hand both numbers to
   * {@link MessageInbox.taken} when somebody took it.
   */
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

/** A message in the form that it came in. */
interface WireMessage {
  readonly bytes: Uint8Array;
  readonly isCompressed: boolean;
}

/**
 * The way of a body's bytes to plain messages, in order. Messages are handed over as they come, as long as all calls of the
 * connection together have not too much that nobody has taken. Beyond that one is handed over only when somebody asks for
 * it, and one that is compressed always: until then its bytes wait as they came. Whoever asks always gets the next one,
 * whatever others have not read. What was not taken is not given back to the sender's window.
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
  #room: MessageRoom | undefined;
  #reservation: Reservation | undefined;
  /** The message of a call that has one, until the body has ended. */
  #single: WireMessage | undefined;
  /** A compressed message that nobody has asked for. */
  #packed: Uint8Array | undefined;
  #decompression: PendingDecompression | undefined;
  /** Somebody waits for a message. */
  #isAsked = false;
  /** Of messages that were handed over and not taken. */
  #unreadWireBytes = 0;
  #unreadCharge = 0;
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
    this.#receivedBytes += bytes.length;
    if (this.#isClosed) return;
    if (!this.#mayHandOver) this.#reader.pause();
    this.#check(this.#reader.read(bytes));
    if (bytes.length > 0) this.#reservation?.progress(bytes.length);
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
    this.#isAsked = true;
    this.#goOn();
  }

  /** Somebody took a message, as {@link InboxOwner.onPlain} had it. */
  taken(wireBytes: number, charge: number): void {
    // After the end of the call nothing of it is counted any more.
    if (this.#unreadCharge === 0) return;
    this.#unreadWireBytes -= wireBytes;
    this.#unreadCharge -= charge;
    const messageRoom = this.#messageRoom;
    messageRoom.unreadBytes -= charge;
    if (this.#reader.isPaused && !this.#isClosed && messageRoom.mayReadAhead) this.#goOn();
  }

  /** The received bytes to give back to the sender's window now; the caller does. */
  claim(): number {
    const due = this.#receivedBytes - this.#keptBytes - this.#unreadWireBytes - this.#claimedBytes;
    if (due <= 0) return 0;
    this.#claimedBytes += due;
    return due;
  }

  /** Nobody wants the rest, nor what was not taken; the owner is not called any more. */
  abandon(): void {
    this.close();
    if (this.#unreadCharge > 0) this.#messageRoom.unreadBytes -= this.#unreadCharge;
    this.#unreadCharge = 0;
    this.#unreadWireBytes = 0;
  }

  /** Nobody wants the rest; the owner is not called any more. */
  close(): void {
    this.#isClosed = true;
    this.#single = undefined;
    this.#packed = undefined;
    this.#decompression?.cancel();
    this.#decompression = undefined;
    this.#reader.stop();
    this.#release();
  }

  // ---- MessageSink

  onArrived(): void {
    if (!this.#isClosed) this.#owner.onArrived();
  }

  onMessage(bytes: Uint8Array, isCompressed: boolean): void {
    if (!this.#isSingle) {
      if (isCompressed && !this.#isAsked) this.#packed = bytes;
      else this.#deliver({ bytes, isCompressed });
      if (!this.#mayHandOver) this.#reader.pause();
      return;
    }
    this.#reader.pause();
    this.#single = { bytes, isCompressed };
    // It came within the window, and stays there.
    if (this.#reservation?.isGranted === false) this.#release();
  }

  reserve(byteCount: number): boolean {
    if (this.#reservation === undefined) {
      const messageRoom = this.#messageRoom;
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
    const length = this.#single?.bytes.length ?? 0;
    const isInWindow = length > UNASKED_BYTES && !this.#reservation?.isGranted;
    const packedBytes = this.#packed === undefined ? 0 : this.#packed.length + PREFIX_BYTES;
    return this.#reader.waitingBytes + packedBytes + (isInWindow ? length + PREFIX_BYTES : 0);
  }

  get #messageRoom(): MessageRoom {
    this.#room ??= this.#owner.messageRoom;
    return this.#room;
  }

  /** Whether the next message may be handed over. */
  get #mayHandOver(): boolean {
    if (this.#isSingle) return true;
    if (this.#isAsked) return this.#decompression === undefined;
    return this.#decompression === undefined && this.#packed === undefined && !this.#messageRoom.isUnreadFull;
  }

  #goOn(): void {
    if (!this.#mayHandOver) return;
    const packed = this.#packed;
    this.#packed = undefined;
    if (packed !== undefined) this.#deliver({ bytes: packed, isCompressed: true });
    if (this.#isClosed || !this.#mayHandOver) return;
    this.#check(this.#reader.resume());
    this.#settle();
  }

  #deliver({ bytes, isCompressed }: WireMessage): void {
    const wireBytes = bytes.length + PREFIX_BYTES;
    if (!isCompressed) return this.#handOver(bytes, wireBytes);
    this.#reservation?.finish();
    const { decompressor, readMaxBytes } = this.#limits;
    const plain = decompressor.decompress(this.encoding, bytes, readMaxBytes, (result) => {
      this.#decompression = undefined;
      this.#take(result, wireBytes);
      if (!this.#isClosed) this.#goOn();
      this.#settle();
      this.#owner.onBacklog();
    });
    if (plain.kind === "pending") this.#decompression = plain;
    else this.#take(plain, wireBytes);
  }

  #take(result: Decompressed, wireBytes: number): void {
    if (result.kind === "ok") return this.#handOver(result.bytes, wireBytes);
    if (result.status.code === Code.ResourceExhausted) this.#tellTooLarge(result.status);
    this.#fail(result.status);
  }

  #handOver(bytes: Uint8Array, wireBytes: number): void {
    this.#release();
    this.#isAsked = false;
    if (this.#isSingle) return this.#owner.onPlain(bytes, wireBytes, 0);
    const charge = Math.max(bytes.length, MIN_CHARGE_BYTES);
    const messageRoom = this.#messageRoom;
    this.#unreadWireBytes += wireBytes;
    this.#unreadCharge += charge;
    messageRoom.unreadBytes += charge;
    // Somebody who waits takes it on the way.
    this.#owner.onPlain(bytes, wireBytes, charge);
    if (this.#unreadCharge === 0 || !messageRoom.isUnreadFull || messageRoom.wasUnreadFull) return;
    messageRoom.wasUnreadFull = true;
    this.#owner.onLimit({
      limit: "unread_message_bytes",
      message: `${messageRoom.unreadBytes} bytes of messages are unread: others wait until somebody asks for them`,
    });
  }

  #settle(): void {
    if (!this.#didBodyEnd || this.#isClosed || this.#reader.isReading) return;
    if (this.#decompression !== undefined || this.#packed !== undefined) return;
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
