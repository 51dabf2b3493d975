import { describe, expect, it } from "vitest";
import { createVirtualClock } from "../testing/virtual-clock.js";
import { MessageRoom, type Reservation, type RoomOwner } from "./message-room.js";

const STALL_MS = 5000;

/** Somebody with a message of some size. */
class Sender implements RoomOwner {
  readonly told: string[] = [];
  readonly reservation: Reservation;

  constructor(room: MessageRoom, byteCount: number) {
    this.reservation = room.reserve(this, byteCount);
  }

  get isIn(): boolean {
    return this.reservation.isGranted;
  }

  onRoom(): void {
    this.told.push("room");
  }

  onStalled(message: string): void {
    this.told.push(message);
    this.reservation.release();
  }
}

function setUp(maxUnfinishedMessageBytes = 100, unfinishedMessageTimeoutMs = STALL_MS) {
  const clock = createVirtualClock();
  const room = new MessageRoom(clock, { maxUnfinishedMessageBytes, unfinishedMessageTimeoutMs });
  const senders = (...sizes: number[]) => sizes.map((size) => new Sender(room, size));
  const isIn = (all: readonly Sender[]) => all.map((sender) => sender.isIn);
  return { clock, room, senders, isIn };
}

describe("MessageRoom", () => {
  it("A20: lets in what fits, and the rest in the order in which it came, as room is freed", async () => {
    const { clock, senders, isIn } = setUp();
    const all = senders(60, 50, 30, 10);
    expect(isIn(all)).toEqual([true, false, false, false]);
    all[0]?.reservation.release();
    await clock.advance(0);
    expect(isIn(all)).toEqual([false, true, true, true]);
    expect(all.map(({ told }) => told)).toEqual([[], ["room"], ["room"], ["room"]]);
  });

  it("lets in a message larger than all the room when nothing else is there", async () => {
    const { clock, senders, isIn } = setUp();
    const all = senders(10, 1000, 1000);
    expect(isIn(all)).toEqual([true, false, false]);
    all[0]?.reservation.release();
    await clock.advance(0);
    expect(isIn(all)).toEqual([false, true, false]);
  });

  it("forgets who gave up while it waited", async () => {
    const { clock, senders, isIn } = setUp();
    const all = senders(100, 100, 100);
    all[1]?.reservation.release();
    all[0]?.reservation.release();
    await clock.advance(0);
    expect(isIn(all)).toEqual([false, false, true]);
    all[2]?.reservation.release();
    all[2]?.reservation.release();
    expect(isIn(senders(100))).toEqual([true]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("lets many in that are done at once, without a stack for each", async () => {
    const { clock, room, senders } = setUp();
    const [first] = senders(100);
    let served = 0;
    for (let count = 0; count < 20_000; count += 1) {
      const owner = {
        onRoom: () => {
          served += 1;
          reservation.release();
        },
        onStalled: () => {},
      };
      const reservation = room.reserve(owner, 100);
    }
    first?.reservation.release();
    await clock.advance(0);
    expect(served).toBe(20_000);
    expect(clock.pendingTimers).toBe(0);
  });

  it("A20: ends a message that stands still, but only while others wait for its room", async () => {
    const { clock, senders, isIn } = setUp();
    const [holder] = senders(100);
    await clock.advance(60_000);
    expect(holder?.told).toEqual([]);
    const [waiter] = senders(50);
    await clock.advance(STALL_MS - 1);
    expect(holder?.told).toEqual([]);
    await clock.advance(1);
    expect(holder?.told).toEqual(["a message of 100 bytes stood still for 5000 ms while 1 others waited for its room"]);
    expect(isIn(waiter === undefined ? [] : [waiter])).toEqual([true]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("A20: leaves a message alone that makes progress, however slow, and one that is whole", async () => {
    const { clock, senders } = setUp();
    const [slow, whole] = senders(50, 50);
    whole?.reservation.finish();
    senders(50);
    for (let count = 0; count < 20; count += 1) {
      await clock.advance(STALL_MS - 1);
      slow?.reservation.progress(1);
    }
    expect([slow?.told, whole?.told]).toEqual([[], []]);
    await clock.advance(STALL_MS);
    expect(slow?.told).toHaveLength(1);
    expect(whole?.told).toEqual([]);
  });

  it("A20: blames a slow line on nobody, unless it has carried as much as all the room for others", async () => {
    const { clock, senders } = setUp();
    const [holder, ...others] = senders(100, 50, 50, 50);
    for (let arrived = 0; arrived < 99; arrived += 9) {
      expect(holder?.told).toEqual([]);
      await clock.advance(STALL_MS - 1);
      others[(arrived / 9) % 3]?.reservation.progress(9);
    }
    await clock.advance(STALL_MS - 1);
    expect(holder?.told).toEqual([]);
    for (let round = 0; round < 2; round += 1) {
      others[0]?.reservation.progress(1);
      await clock.advance(STALL_MS - 1);
    }
    expect(holder?.told).toHaveLength(1);
  });

  it("waits for ever when the time is lifted", async () => {
    const { clock, senders } = setUp(100, Number.POSITIVE_INFINITY);
    const [holder] = senders(100, 100);
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(3_600_000);
    expect(holder?.told).toEqual([]);
  });
});
