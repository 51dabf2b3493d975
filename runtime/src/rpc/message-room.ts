import type { Clock, Timer } from "../base/clock.js";

/** The bounds of a {@link MessageRoom}, as `Http2Limits` has them. */
export interface MessageRoomLimits {
  readonly maxUnfinishedMessageBytes: number;
  readonly unfinishedMessageTimeoutMs: number;
}

/** Whoever asks for room in a {@link MessageRoom}. */
export interface RoomOwner {
  /** The room is there. */
  onRoom(): void;
  /** The message stood still while others waited: it must give up, and with it its room. */
  onStalled(message: string): void;
}

/**
 * The memory that is set aside for unfinished messages of a connection, all streams together. Each asks for its whole
 * size, and who comes when there is none waits, first in, first out. A message larger than all the room gets it once
 * nothing else is there.
 *
 * While others wait a message must make progress, however slow, or it is told to give up.
 */
export class MessageRoom {
  /** Whether somebody had to wait. */
  wasFull = false;
  readonly #clock: Clock;
  readonly #limits: MessageRoomLimits;
  #usedBytes = 0;
  readonly #unfinished = new Set<Reservation>();
  readonly #waiting = new Set<Reservation>();
  /** Since then there is always one that waits. */
  #waitingSinceMs = 0;
  #timer: Timer | undefined;
  #isGrantQueued = false;

  constructor(clock: Clock, limits: MessageRoomLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Sets `byteCount` bytes aside for a message, now or later. */
  reserve(owner: RoomOwner, byteCount: number): Reservation {
    const reservation = new Reservation(this, owner, byteCount);
    if (this.#waiting.size === 0 && this.#hasRoomFor(byteCount)) {
      this.#grant(reservation);
      return reservation;
    }
    this.wasFull = true;
    if (this.#waiting.size === 0) this.#waitingSinceMs = this.#clock.nowMs();
    this.#waiting.add(reservation);
    this.#timer ??= this.#arm(this.#limits.unfinishedMessageTimeoutMs);
    return reservation;
  }

  /** Some of a message came. */
  progress(reservation: Reservation): void {
    if (this.#waiting.size > 0) reservation.progressMs = this.#clock.nowMs();
  }

  /** A message is whole: it needs its room still, but no more bytes. */
  finish(reservation: Reservation): void {
    this.#unfinished.delete(reservation);
  }

  release(reservation: Reservation): void {
    this.#unfinished.delete(reservation);
    this.#waiting.delete(reservation);
    if (reservation.isGranted) this.#usedBytes -= reservation.byteCount;
    reservation.isGranted = false;
    if (this.#waiting.size === 0) {
      this.#timer?.cancel();
      this.#timer = undefined;
    } else if (!this.#isGrantQueued) {
      this.#isGrantQueued = true;
      // Later: many may give up in one turn, at the end of a connection for instance.
      this.#clock.defer(() => this.#grantWaiting());
    }
  }

  #hasRoomFor(byteCount: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + byteCount <= this.#limits.maxUnfinishedMessageBytes;
  }

  #grant(reservation: Reservation): void {
    reservation.isGranted = true;
    reservation.progressMs = this.#clock.nowMs();
    this.#usedBytes += reservation.byteCount;
    this.#unfinished.add(reservation);
  }

  #grantWaiting(): void {
    for (const reservation of this.#waiting) {
      if (!this.#hasRoomFor(reservation.byteCount)) break;
      this.#waiting.delete(reservation);
      this.#grant(reservation);
      reservation.owner.onRoom();
    }
    this.#isGrantQueued = false;
    if (this.#waiting.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(delayMs: number): Timer | undefined {
    if (delayMs === Number.POSITIVE_INFINITY) return undefined;
    return this.#clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      this.#endStalled();
    });
  }

  #endStalled(): void {
    const { unfinishedMessageTimeoutMs } = this.#limits;
    const nowMs = this.#clock.nowMs();
    let nextMs = nowMs + unfinishedMessageTimeoutMs;
    for (const reservation of [...this.#unfinished]) {
      const dueMs = Math.max(reservation.progressMs, this.#waitingSinceMs) + unfinishedMessageTimeoutMs;
      if (dueMs > nowMs) {
        nextMs = Math.min(nextMs, dueMs);
      } else if (reservation.isGranted) {
        const waiting = this.#waiting.size;
        reservation.owner.onStalled(
          `a message of ${reservation.byteCount} bytes stood still for ${unfinishedMessageTimeoutMs} ms while ${waiting} others waited for its room`,
        );
      }
    }
    if (this.#waiting.size > 0) this.#timer ??= this.#arm(Math.max(1, nextMs - nowMs));
  }
}

/** The room of one message, or its place in the queue. */
export class Reservation {
  readonly owner: RoomOwner;
  readonly byteCount: number;
  isGranted = false;
  /** Some of it came last then, where that is watched. */
  progressMs = 0;
  readonly #room: MessageRoom;

  constructor(room: MessageRoom, owner: RoomOwner, byteCount: number) {
    this.#room = room;
    this.owner = owner;
    this.byteCount = byteCount;
  }

  /** Some of the message came. */
  progress(): void {
    this.#room.progress(this);
  }

  /** All of it came. */
  finish(): void {
    this.#room.finish(this);
  }

  /** The room is not needed any more. */
  release(): void {
    this.#room.release(this);
  }
}
