import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { describe, expect, it, test } from "vitest";
import type { LimitExceeded } from "../http2/types.js";
import { createVirtualClock } from "../testing/virtual-clock.js";
import { Decompressor } from "./decompressor.js";
import { PREFIX_BYTES, writeMessagePrefix } from "./framing.js";
import { type InboxOwner, MessageInbox } from "./message-inbox.js";
import { MessageRoom, type MessageRoomLimits } from "./message-room.js";
import type { RpcStatus } from "./status.js";

const KIB = 1024;

function room(limits: Partial<MessageRoomLimits> = {}, clock = createVirtualClock()): MessageRoom {
  return new MessageRoom(clock, {
    maxUnfinishedMessageBytes: 4096 * KIB,
    unfinishedMessageTimeoutMs: 5000,
    // Every message must be asked for.
    maxUnreadMessageBytes: 0,
    ...limits,
  });
}

/** Keeps what an inbox tells; asks for nothing by itself. */
class Recorder implements InboxOwner {
  readonly inbox: MessageInbox;
  readonly messageRoom: MessageRoom;
  readonly messages: Uint8Array[] = [];
  readonly failures: RpcStatus[] = [];
  readonly limits: string[] = [];
  readonly ends: boolean[] = [];
  arrived = 0;
  claimed = 0;
  /** Asks for the next message as soon as it has one. */
  isEager = false;
  /** Takes what it gets at once, as one who waits for it does. */
  takes = true;
  readonly untaken: [wireBytes: number, charge: number][] = [];

  constructor({ readMaxBytes = 1000, isSingle = false, messageRoom = room() } = {}) {
    this.messageRoom = messageRoom;
    this.inbox = new MessageInbox(this, { readMaxBytes, decompressor: new Decompressor() }, isSingle);
    this.inbox.encoding = "gzip";
  }

  onArrived(): void {
    this.arrived += 1;
  }

  onBacklog(): void {
    this.claimed += this.inbox.claim();
  }

  onPlain(bytes: Uint8Array, wireBytes: number, charge: number): void {
    this.messages.push(bytes);
    if (this.takes) this.inbox.taken(wireBytes, charge);
    else this.untaken.push([wireBytes, charge]);
    if (this.isEager) this.inbox.ask();
  }

  onBodyEnd(isPartial: boolean): void {
    this.ends.push(isPartial);
  }

  onBodyFailure(status: RpcStatus): void {
    this.failures.push(status);
  }

  onLimit({ limit }: LimitExceeded): void {
    this.limits.push(limit);
  }

  receive(bytes: Uint8Array): void {
    this.inbox.receive(bytes);
    this.claimed += this.inbox.claim();
  }

  take(wireBytes: number, charge: number): void {
    this.inbox.taken(wireBytes, charge);
    this.claimed += this.inbox.claim();
  }

  ask(): void {
    this.inbox.ask();
    this.claimed += this.inbox.claim();
  }

  /** Asks for every message, now and later. */
  readAll(): this {
    this.isEager = true;
    this.ask();
    return this;
  }

  /** Lets decompression in other threads come to an end. */
  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise((resolve) => setImmediate(resolve));
  }
}

function framed(bytes: Uint8Array, isCompressed = false): Buffer {
  const body = isCompressed ? gzipSync(bytes) : bytes;
  const prefix = new Uint8Array(PREFIX_BYTES);
  writeMessagePrefix(prefix, isCompressed, body.byteLength);
  return Buffer.concat([prefix, body]);
}

const many = (count: number, message: Buffer): Buffer => Buffer.concat(Array.from({ length: count }, () => message));

describe("MessageInbox", () => {
  it("B1: hands over one message each time it is asked, and leaves the rest as it came, within the window", () => {
    const owner = new Recorder();
    owner.receive(many(10, framed(new Uint8Array(300))));
    expect([owner.messages.length, owner.claimed]).toEqual([0, 0]);
    owner.ask();
    expect([owner.messages.length, owner.claimed]).toEqual([1, 305]);
    owner.ask();
    expect([owner.messages.length, owner.claimed]).toEqual([2, 610]);
    expect(owner.inbox.waitingBytes).toBe(8 * 305);
  });

  it("B1: hands over a message that was asked for before it came, and then no other", () => {
    const owner = new Recorder();
    owner.ask();
    owner.receive(many(3, framed(new Uint8Array(300))));
    expect([owner.messages.length, owner.claimed]).toEqual([1, 305]);
  });

  it("A14: tells of each message once, when its last byte comes, whether anybody asks or not", () => {
    const owner = new Recorder();
    const body = many(200, framed(new Uint8Array(20)));
    for (let at = 0; at < body.length; at += 7) owner.receive(body.subarray(at, at + 7));
    expect(owner.arrived).toBe(200);
    owner.receive(body.subarray(0, 24));
    expect(owner.arrived).toBe(200);
    for (let count = 0; count < 100; count += 1) owner.ask();
    owner.receive(body.subarray(24));
    expect(owner.arrived).toBe(400);
    owner.readAll();
    expect([owner.arrived, owner.messages.length, owner.inbox.waitingBytes]).toEqual([400, 400, 0]);
  });

  it("B1: keeps small pieces that wait in one piece, in order", () => {
    const owner = new Recorder();
    const body = Buffer.concat(Array.from({ length: 200 }, (_, index) => framed(Uint8Array.of(index, 7))));
    for (let at = 0; at < body.length; at += 3) owner.receive(body.subarray(at, at + 3));
    owner.inbox.end();
    expect([owner.messages, owner.ends]).toEqual([[], []]);
    owner.readAll();
    expect(owner.messages.map(([first]) => first)).toEqual(Array.from({ length: 200 }, (_, index) => index));
    expect(owner.ends).toEqual([false]);
    expect(owner.claimed).toBe(body.byteLength);
  });

  it("B1, B2: leaves compressed what nobody asks for", () => {
    const owner = new Recorder();
    const bomb = framed(new Uint8Array(1000), true);
    owner.receive(many(50, bomb));
    owner.ask();
    owner.ask();
    expect(owner.messages).toHaveLength(2);
    expect(owner.inbox.waitingBytes).toBe(48 * bomb.byteLength);
  });

  it("B2: decompresses one message at a time and keeps the order", async () => {
    const large = randomBytes(100_000);
    const owner = new Recorder({ readMaxBytes: 200_000 }).readAll();
    const body = Buffer.concat([framed(large, true), framed(large, true), framed(Uint8Array.of(1))]);
    owner.receive(body);
    owner.inbox.end();
    expect(owner.claimed).toBeLessThan(body.byteLength / 2 + 1000);
    expect(owner.ends).toEqual([]);
    await owner.until(() => owner.ends.length > 0);
    expect(owner.messages.map(({ byteLength }) => byteLength)).toEqual([100_000, 100_000, 1]);
    expect(owner.claimed).toBe(body.byteLength);
    expect(owner.ends).toEqual([false]);
  });

  test.for([
    { name: "at once", randomCount: 0 },
    { name: "later", randomCount: 100_000 },
  ])("B2: stops a bomb at the limit and takes a message of exactly the limit, $name", async ({ randomCount }) => {
    const plain = Buffer.concat([randomBytes(randomCount), Buffer.alloc(200_000)]);
    const message = framed(plain, true);
    const refused = new Recorder({ readMaxBytes: plain.byteLength - 1 });
    const taken = new Recorder({ readMaxBytes: plain.byteLength });
    for (const owner of [refused, taken]) owner.readAll().receive(message);
    await taken.until(() => refused.failures.length + taken.messages.length > 1);
    expect(refused.failures.map(({ code }) => code)).toEqual([Code.ResourceExhausted]);
    expect(refused.limits).toEqual(["message_bytes"]);
    expect(taken.messages.map((bytes) => Buffer.compare(bytes, plain))).toEqual([0]);
  });

  it("B1: refuses an oversized message by its prefix, says so, and reads nothing after it", () => {
    const owner = new Recorder().readAll();
    owner.receive(Uint8Array.of(0, 0x7f, 0xff, 0xff, 0xff));
    owner.receive(framed(Uint8Array.of(1)));
    owner.inbox.end();
    expect(owner.failures.map(({ code }) => code)).toEqual([Code.ResourceExhausted]);
    expect(owner.limits).toEqual(["message_bytes"]);
    expect([owner.messages, owner.ends]).toEqual([[], []]);
  });

  it("hands out nothing after it was closed, not even what is being decompressed", async () => {
    const owner = new Recorder({ readMaxBytes: 200_000 }).readAll();
    owner.receive(framed(randomBytes(100_000), true));
    owner.inbox.close();
    owner.receive(framed(Uint8Array.of(1)));
    const other = new Recorder({ readMaxBytes: 200_000 }).readAll();
    other.receive(framed(randomBytes(100_000), true));
    await other.until(() => other.messages.length > 0);
    expect([owner.messages, owner.failures, owner.inbox.waitingBytes]).toEqual([[], [], 0]);
  });

  it("gives back everything that it does not keep once it was closed", () => {
    const owner = new Recorder();
    owner.receive(new Uint8Array(1000));
    expect(owner.claimed).toBe(0);
    owner.inbox.close();
    owner.receive(new Uint8Array(10));
    expect(owner.claimed).toBe(1010);
  });

  it("tells that the body ended within a message", () => {
    const owner = new Recorder().readAll();
    owner.receive(framed(new Uint8Array(10)).subarray(0, 9));
    expect(owner.inbox.isPartial).toBe(true);
    owner.inbox.end();
    expect(owner.ends).toEqual([true]);
  });
});

describe("a MessageInbox for a single message", () => {
  it("B1, B2: hands it over at the end of the body, and leaves it compressed until then", () => {
    const owner = new Recorder({ isSingle: true });
    owner.receive(framed(new Uint8Array(900), true));
    expect([owner.arrived, owner.messages.length]).toEqual([1, 0]);
    owner.inbox.end();
    expect(owner.messages.map(({ byteLength }) => byteLength)).toEqual([900]);
    expect(owner.ends).toEqual([false]);
  });

  it("keeps what follows it for the owner to see", () => {
    const owner = new Recorder({ isSingle: true });
    owner.receive(Buffer.concat([framed(new Uint8Array(9)), Uint8Array.of(0)]));
    expect([owner.arrived, owner.inbox.waitingBytes]).toEqual([1, 1]);
  });

  it("A20: keeps a large one within the window when it came without room, and gives it back at the end", () => {
    const owner = new Recorder({ isSingle: true, readMaxBytes: 64 * KIB });
    owner.receive(framed(new Uint8Array(10 * KIB)));
    expect(owner.claimed).toBe(0);
    owner.inbox.end();
    owner.onBacklog();
    expect(owner.claimed).toBe(10 * KIB + PREFIX_BYTES);
  });
});

describe("the unfinished messages of several MessageInboxes", () => {
  const message = framed(randomBytes(64 * KIB));
  const half = message.subarray(0, 32 * KIB);
  const rest = message.subarray(32 * KIB);

  function setUp(maxBytes: number, isSingle = false) {
    const clock = createVirtualClock();
    const messageRoom = room({ maxUnfinishedMessageBytes: maxBytes }, clock);
    const owners = Array.from({ length: 3 }, () => {
      const owner = new Recorder({ messageRoom, isSingle, readMaxBytes: 1024 * KIB });
      return isSingle ? owner : owner.readAll();
    }) as [Recorder, Recorder, Recorder];
    return { clock, owners };
  }

  it.each([false, true])(
    "A20: share their room: what has none waits within its window (single: %s)",
    async (isSingle) => {
      const { clock, owners } = setUp(64 * KIB, isSingle);
      for (const owner of owners) owner.receive(half);
      expect(owners.map(({ claimed }) => claimed)).toEqual([32 * KIB, PREFIX_BYTES, PREFIX_BYTES]);
      expect(owners.flatMap(({ limits }) => limits)).toEqual(["unfinished_message_bytes"]);
      for (const owner of owners) {
        owner.receive(rest);
        owner.inbox.end();
        await clock.advance(0);
        owner.onBacklog();
      }
      expect(owners.map(({ claimed }) => claimed)).toEqual([message.length, message.length, message.length]);
      for (const { messages } of owners) expect(Buffer.compare(messages[0] as Uint8Array, message.subarray(5))).toBe(0);
      expect(clock.pendingTimers).toBe(0);
    },
  );

  it("A20: free it when their call dies", async () => {
    const { clock, owners } = setUp(64 * KIB);
    for (const owner of owners) owner.receive(half);
    owners[0].inbox.close();
    await clock.advance(0);
    expect(owners.map(({ claimed }) => claimed)).toEqual([32 * KIB, 32 * KIB, PREFIX_BYTES]);
    owners[2].inbox.close();
    owners[1].inbox.close();
    await clock.advance(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it("A20: leave the queue when they became whole without it", async () => {
    const { clock, owners } = setUp(64 * KIB, true);
    owners[0].receive(half);
    owners[1].receive(half);
    owners[1].receive(rest);
    owners[2].receive(half);
    owners[0].inbox.close();
    await clock.advance(0);
    expect(owners[2].claimed).toBe(32 * KIB);
    owners[1].inbox.end();
    expect(owners[1].messages).toHaveLength(1);
    owners[2].inbox.close();
  });

  it("A20: need none for what comes whole, or within the first 4 KiB", () => {
    const { owners } = setUp(64 * KIB);
    owners[0].receive(half);
    owners[1].receive(message);
    owners[2].receive(message.subarray(0, 4 * KIB));
    expect([owners[1].messages.length, owners[1].claimed]).toEqual([1, message.length]);
    expect(owners[2].claimed).toBe(4 * KIB);
    expect(owners.flatMap(({ limits }) => limits)).toEqual([]);
  });

  it("A20: end with RESOURCE_EXHAUSTED when they stand still while others wait", async () => {
    const { clock, owners } = setUp(64 * KIB);
    owners[0].receive(half);
    await clock.advance(100_000);
    owners[1].receive(half);
    await clock.advance(5000);
    expect(owners[0].failures.map(({ code }) => code)).toEqual([Code.ResourceExhausted]);
    expect(owners[0].limits).toEqual(["unfinished_message_timeout"]);
    owners[1].receive(rest);
    expect(owners[1].messages).toHaveLength(1);
  });

  it("fail when their body ends while they wait for room", () => {
    const { owners } = setUp(64 * KIB);
    for (const owner of owners) owner.receive(half);
    owners[1].inbox.end();
    expect(owners[1].ends).toEqual([true]);
  });
});

describe("MessageInboxes that read ahead", () => {
  const twoMessages = (byte: number): Buffer =>
    Buffer.concat([framed(Buffer.alloc(300, byte)), framed(Buffer.of(byte))]);
  const untaking = (messageRoom: MessageRoom): Recorder => {
    const owner = new Recorder({ messageRoom });
    owner.takes = false;
    return owner;
  };

  it("A20: hand over what comes, unasked, until too much of all together is not taken", () => {
    const messageRoom = room({ maxUnreadMessageBytes: 900 });
    const [first, second, third] = [untaking(messageRoom), untaking(messageRoom), untaking(messageRoom)];
    for (const owner of [first, second, third]) owner.receive(twoMessages(7));
    expect([first, second, third].map(({ messages }) => messages.length)).toEqual([2, 2, 0]);
    expect([...first.limits, ...second.limits]).toEqual(["unread_message_bytes"]);
    expect(
      [first, second, third].map(({ claimed }) => claimed),
      "nothing is given back before it is taken",
    ).toEqual([0, 0, 0]);
    third.ask();
    expect(third.messages.length, "whoever asks gets one").toBe(1);
    third.receive(twoMessages(8));
    expect(third.messages.length, "and not more than one").toBe(1);
  });

  it("A20: go on when half has been taken, and give back what was", () => {
    const messageRoom = room({ maxUnreadMessageBytes: 900 });
    const owner = untaking(messageRoom);
    for (let round = 0; round < 3; round += 1) owner.receive(twoMessages(round));
    expect(owner.messages.length).toBe(4);
    for (const [wireBytes, charge] of owner.untaken.splice(0, 2)) owner.take(wireBytes, charge);
    expect([owner.messages.length, owner.claimed]).toEqual([4, 311]);
    for (const [wireBytes, charge] of owner.untaken.splice(0, 1)) owner.take(wireBytes, charge);
    expect([owner.messages.length, owner.claimed]).toEqual([6, 616]);
  });

  it("B1, B2: leave compressed what nobody asks for, though there is room, and keep the order", () => {
    const owner = untaking(room({ maxUnreadMessageBytes: 4096 * KIB }));
    owner.receive(Buffer.concat([framed(Buffer.of(1)), framed(Buffer.alloc(500, 2), true), framed(Buffer.of(3))]));
    const sizes = (): number[] => owner.messages.map(({ byteLength }) => byteLength);
    expect([sizes(), owner.claimed]).toEqual([[1], 0]);
    owner.inbox.end();
    expect(owner.ends).toEqual([]);
    owner.ask();
    expect([sizes(), owner.ends]).toEqual([[1, 500, 1], [false]]);
  });

  it("A20: count nothing of those who left", () => {
    const messageRoom = room({ maxUnreadMessageBytes: 900 });
    const owner = untaking(messageRoom);
    for (let round = 0; round < 3; round += 1) owner.receive(twoMessages(round));
    expect(messageRoom.isUnreadFull).toBe(true);
    owner.inbox.abandon();
    for (const [wireBytes, charge] of owner.untaken) owner.take(wireBytes, charge);
    expect(messageRoom.unreadBytes).toBe(0);
  });
});
