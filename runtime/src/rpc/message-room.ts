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
 * While others wait a message must make progress, however slow, or it is told to give up. What comes for other large
 * messages meanwhile excuses it, for a slow line may be busy with them; once that is as much as all the room it does not,
 * for a peer that shares its line out would have come to it by then.
 */
export class MessageRoom {
  /** Whether somebody had to wait. */
  wasFull = false;
  readonly #clock: Clock;
  readonly #limits: MessageRoomLimits;
  #usedBytes = 0;
  readonly #unfinished = new Set<Reservation>();
  readonly #waiting = new Set<Reservation>();
  /** What came for messages that have room or wait for it since there is one that waits, and when it came last. */
  #arrivedBytes = 0;
  #arrivedMs = 0;
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
    if (this.#waiting.size === 0) this.#beginWaiting();
    this.#waiting.add(reservation);
    this.#timer ??= this.#arm(this.#limits.unfinishedMessageTimeoutMs);
    return reservation;
  }

  /** Bytes of a message came. */
  progress(reservation: Reservation, byteCount: number): void {
    if (this.#waiting.size === 0) return;
    this.#arrivedBytes += byteCount;
    this.#arrivedMs = this.#clock.nowMs();
    if (reservation.isGranted) reservation.mark(this.#arrivedMs, this.#arrivedBytes);
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

  #beginWaiting(): void {
    const nowMs = this.#clock.nowMs();
    this.#arrivedMs = nowMs;
    this.#arrivedBytes = 0;
    for (const reservation of this.#unfinished) reservation.mark(nowMs, 0);
  }

  #grant(reservation: Reservation): void {
    reservation.isGranted = true;
    reservation.mark(this.#clock.nowMs(), this.#arrivedBytes);
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
    const { maxUnfinishedMessageBytes, unfinishedMessageTimeoutMs } = this.#limits;
    const nowMs = this.#clock.nowMs();
    let nextMs = nowMs + unfinishedMessageTimeoutMs;
    for (const reservation of [...this.#unfinished]) {
      const isExcused = this.#arrivedBytes - reservation.progressBytes < maxUnfinishedMessageBytes;
      const sinceMs = isExcused ? this.#arrivedMs : reservation.progressMs;
      const dueMs = Math.max(sinceMs, reservation.progressMs) + unfinishedMessageTimeoutMs;
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
  /** Some of it came last then, where that is watched, and after so much had come for all. */
  progressMs = 0;
  progressBytes = 0;
  readonly #room: MessageRoom;

  constructor(room: MessageRoom, owner: RoomOwner, byteCount: number) {
    this.#room = room;
    this.owner = owner;
    this.byteCount = byteCount;
  }

  mark(nowMs: number, arrivedBytes: number): void {
    this.progressMs = nowMs;
    this.progressBytes = arrivedBytes;
  }

  /** Some of the message came, whether it has its room or waits for it. */
  progress(byteCount: number): void {
    this.#room.progress(this, byteCount);
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
