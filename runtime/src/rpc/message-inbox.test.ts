import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { describe, expect, it, test } from "vitest";
import type { LimitExceeded } from "../http2/types.js";
import { Decompressor } from "./decompressor.js";
import { PREFIX_BYTES, writeMessagePrefix } from "./framing.js";
import { type InboxOwner, MessageInbox, type MessageLimits } from "./message-inbox.js";
import type { RpcStatus } from "./status.js";

/** Keeps what an inbox tells; takes nothing by itself. */
class Recorder implements InboxOwner {
  readonly inbox: MessageInbox;
  readonly messages: Uint8Array[] = [];
  readonly charges: number[] = [];
  readonly failures: RpcStatus[] = [];
  readonly limits: string[] = [];
  readonly ends: boolean[] = [];
  arrivedBytes = 0;
  backlogs = 0;
  /** Runs at each message. */
  onEach: () => void = () => {};

  constructor(limits: Partial<MessageLimits> = {}) {
    this.inbox = new MessageInbox(this, {
      readMaxBytes: 1000,
      maxUnreadBytes: 1000,
      decompressor: new Decompressor(),
      ...limits,
    });
    this.inbox.encoding = "gzip";
  }

  onArrived(wireBytes: number): void {
    this.arrivedBytes += wireBytes;
  }

  onBacklog(): void {
    this.backlogs += 1;
  }

  onPlain(bytes: Uint8Array, _wireBytes: number, charge: number): void {
    this.messages.push(bytes);
    this.charges.push(charge);
    this.onEach();
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

  /** Takes the first `count` messages that were not taken. */
  take(count: number): void {
    for (const charge of this.charges.splice(0, count)) this.inbox.taken(charge);
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
  it("B1: stops at the unread limit and goes on when half of it is free again", () => {
    const owner = new Recorder();
    owner.inbox.receive(many(10, framed(new Uint8Array(300))));
    expect(owner.messages).toHaveLength(4);
    expect(owner.inbox.waitingBytes).toBe(6 * 305);
    expect(owner.limits).toEqual(["unread_message_bytes"]);
    owner.take(2);
    expect(owner.messages).toHaveLength(4);
    owner.take(1);
    expect(owner.messages).toHaveLength(7);
    expect(owner.inbox.waitingBytes).toBe(3 * 305);
    expect(owner.limits).toHaveLength(1);
  });

  it("B1: counts a message of nothing as 256 bytes, for it takes as much", () => {
    const owner = new Recorder();
    owner.inbox.receive(new Uint8Array(5 * 1000));
    expect(owner.messages).toHaveLength(4);
    expect(owner.inbox.waitingBytes).toBe(5 * 996);
  });

  it("B1: keeps small pieces that wait in one piece, in order", () => {
    const owner = new Recorder({ maxUnreadBytes: 0 });
    const body = Buffer.concat(Array.from({ length: 200 }, (_, index) => framed(Uint8Array.of(index, 7))));
    for (let at = 0; at < body.length; at += 3) owner.inbox.receive(body.subarray(at, at + 3));
    owner.inbox.end();
    expect(owner.messages).toHaveLength(1);
    expect(owner.backlogs).toBeGreaterThan(0);
    while (owner.charges.length > 0) owner.take(1);
    expect(owner.messages.map(([first]) => first)).toEqual(Array.from({ length: 200 }, (_, index) => index));
    expect(owner.ends).toEqual([false]);
  });

  it("B1: does not stop for a reader that takes each message at once", () => {
    const owner = new Recorder({ maxUnreadBytes: 0 });
    owner.onEach = () => owner.take(1);
    owner.inbox.receive(many(100, framed(new Uint8Array(900))));
    expect(owner.messages).toHaveLength(100);
    expect(owner.limits).toEqual([]);
  });

  it("B1, B2: counts what was decompressed and leaves the rest compressed", () => {
    const owner = new Recorder();
    const bomb = framed(new Uint8Array(1000), true);
    owner.inbox.receive(many(50, bomb));
    expect(owner.messages).toHaveLength(2);
    expect(owner.inbox.waitingBytes).toBe(48 * bomb.byteLength);
    owner.take(2);
    expect(owner.messages).toHaveLength(4);
  });

  it("B2: decompresses one message at a time and keeps the order", async () => {
    const large = randomBytes(100_000);
    const owner = new Recorder({ readMaxBytes: 200_000, maxUnreadBytes: 1_000_000 });
    const body = Buffer.concat([framed(large, true), framed(large, true), framed(Uint8Array.of(1))]);
    owner.inbox.receive(body);
    owner.inbox.end();
    expect(owner.arrivedBytes).toBeLessThan(body.byteLength / 2 + 1000);
    expect(owner.ends).toEqual([]);
    await owner.until(() => owner.ends.length > 0);
    expect(owner.messages.map(({ byteLength }) => byteLength)).toEqual([100_000, 100_000, 1]);
    expect(owner.arrivedBytes).toBe(body.byteLength);
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
    for (const { inbox } of [refused, taken]) inbox.receive(message);
    await taken.until(() => refused.failures.length + taken.messages.length > 1);
    expect(refused.failures.map(({ code }) => code)).toEqual([Code.ResourceExhausted]);
    expect(refused.limits).toEqual(["message_bytes"]);
    expect(taken.messages.map((bytes) => Buffer.compare(bytes, plain))).toEqual([0]);
  });

  it("B1: refuses an oversized message by its prefix, says so, and reads nothing after it", () => {
    const owner = new Recorder();
    owner.inbox.receive(Uint8Array.of(0, 0x7f, 0xff, 0xff, 0xff));
    owner.inbox.receive(framed(Uint8Array.of(1)));
    owner.inbox.end();
    expect(owner.failures.map(({ code }) => code)).toEqual([Code.ResourceExhausted]);
    expect(owner.limits).toEqual(["message_bytes"]);
    expect([owner.messages, owner.ends]).toEqual([[], []]);
  });

  it("hands out nothing after it was closed, not even what is being decompressed", async () => {
    const owner = new Recorder({ readMaxBytes: 200_000 });
    owner.inbox.receive(framed(randomBytes(100_000), true));
    owner.inbox.close();
    owner.inbox.receive(framed(Uint8Array.of(1)));
    const other = new Recorder({ readMaxBytes: 200_000 });
    other.inbox.receive(framed(randomBytes(100_000), true));
    await other.until(() => other.messages.length > 0);
    expect([owner.messages, owner.failures, owner.inbox.waitingBytes]).toEqual([[], [], 0]);
  });

  it("tells that the body ended within a message", () => {
    const owner = new Recorder();
    owner.inbox.receive(framed(new Uint8Array(10)).subarray(0, 9));
    expect(owner.inbox.isPartial).toBe(true);
    owner.inbox.end();
    expect(owner.ends).toEqual([true]);
  });
});
