import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frame, uint32 } from "./test/scripted-peer.js";
import { WindowClient } from "./test/window-client.js";
import { ErrorCode } from "./types.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const STREAM_BYTES = 64 * KIB;
const SMALL_BYTES = 4 * KIB;

/** A client whose streams nobody reads, until the server asks for small windows. */
function crowd(streams = 12): { client: WindowClient; ids: number[] } {
  const client = new WindowClient();
  const ids = Array.from({ length: streams }, () => client.open());
  for (const id of ids) client.send(id, STREAM_BYTES);
  client.read();
  return { client, ids };
}

/** Reads everything that a stream has received. */
function readAll(client: WindowClient, id: number): void {
  const recorded = client.recorded(id);
  recorded.stream?.consume(client.sentOn(id));
  client.read();
}

describe("A20: streams that nobody reads", () => {
  it("hold no more than the connection's window and a small one each", () => {
    const { client } = crowd(0);
    let held = 0;
    for (let count = 0; count < 1000; count += 1) held += client.send(client.open(), 10 * MIB);
    expect(held).toBeGreaterThan(900 * SMALL_BYTES);
    expect(held).toBeLessThanOrEqual(MIB + 1000 * SMALL_BYTES);
    expect(client.peer.closed).toEqual([]);
  });

  it("keep what they hold, and lend the window that it takes to the connection", () => {
    const { client, ids } = crowd(13);
    expect(client.initialBytes).toBe(SMALL_BYTES);
    expect(client.connectionBytes).toBeGreaterThan(MIB / 2);
    for (const id of ids.slice(0, 12)) expect(client.windowOf(id)).toBe(SMALL_BYTES - STREAM_BYTES);
  });

  it("do not hold up a stream that is read: it goes on, with more than a small window", () => {
    const { client } = crowd(200);
    const id = client.open();
    const reader = client.recorded(id);
    reader.consumes = true;
    client.send(id, SMALL_BYTES);
    expect(client.windowOf(id)).toBeGreaterThan(2 * STREAM_BYTES);
    expect(client.send(id, 20 * MIB)).toBe(20 * MIB);
  });

  it("do not hold up many streams that are read", () => {
    const { client } = crowd(200);
    const ids = Array.from({ length: 100 }, () => client.open());
    for (const id of ids) client.recorded(id).consumes = true;
    for (const id of ids) expect(client.send(id, MIB)).toBe(MIB);
  });

  it("do not stop a stream that had read less than half a window when they became too many", () => {
    const client = new WindowClient();
    const id = client.open();
    client.recorded(id).consumes = true;
    client.send(id, 30 * KIB);
    for (let count = 0; count < 13; count += 1) client.send(client.open(), STREAM_BYTES);
    expect(client.initialBytes).toBe(SMALL_BYTES);
    expect(client.send(id, 10 * MIB)).toBe(10 * MIB);
  });

  it("do not keep a peer waiting for what was read before, when they hold less than makes a crowd", () => {
    const client = new WindowClient();
    const id = client.open();
    client.recorded(id).consumes = true;
    client.send(id, 300 * KIB);
    for (let count = 0; count < 11; count += 1) client.send(client.open(), STREAM_BYTES);
    client.send(client.open(), 20 * KIB);
    expect(client.initialBytes).toBe(STREAM_BYTES);
    expect(client.send(id, 10 * MIB)).toBe(10 * MIB);
  });

  it("go on when they are read at last, and the usual windows come back", () => {
    const { client, ids } = crowd(13);
    for (const id of ids) readAll(client, id);
    expect(client.initialBytes).toBe(STREAM_BYTES);
    for (const id of ids) {
      client.recorded(id).consumes = true;
      expect(client.send(id, MIB)).toBe(MIB);
    }
    expect(client.peer.closed).toEqual([]);
  });

  it("give the window of the connection back once, not again when they are read or reset", () => {
    const { client, ids } = crowd(13);
    for (const [index, id] of ids.entries()) {
      if (index % 2 === 0) readAll(client, id);
      else client.peer.raw(frame("RST_STREAM", 0, id, uint32(8)));
      client.read();
      expect(client.connectionBytes).toBeLessThanOrEqual(MIB);
    }
    expect(client.connectionBytes).toBeGreaterThan(MIB / 2);
  });

  it("make us ask for small windows no more often than peers allow, however their readers pause", async () => {
    const { client, ids } = crowd(13);
    for (let count = 0; count < 500; count += 1) {
      for (const id of ids) readAll(client, id);
      await client.peer.clock.advance(20);
      for (const id of ids) client.send(id, STREAM_BYTES);
    }
    expect(client.settingsFrames).toBeLessThan(15);
    expect(client.peer.closed).toEqual([]);
  });

  it("do not lend anything before the peer knows that their windows are small", () => {
    const client = new WindowClient();
    client.acknowledges = false;
    let held = 0;
    for (let count = 0; count < 100; count += 1) held += client.send(client.open(), STREAM_BYTES);
    // A window made small holds the peer back at once; what it says of that comes later.
    expect(held).toBeLessThanOrEqual(MIB);
    client.acknowledge();
    client.read();
    expect(client.connectionBytes).toBeGreaterThan(MIB / 2);
  });

  it.each([
    { name: "takes what was under way when a peer acknowledged", frames: 0, closes: false },
    { name: "ends a connection that ignores the small windows", frames: 1, closes: true },
  ])("$name", ({ frames, closes }) => {
    const client = new WindowClient();
    client.acknowledges = false;
    const ids = Array.from({ length: 13 }, () => client.open());
    for (const id of ids) client.send(id, STREAM_BYTES);
    const lateBytes = client.connectionBytes;
    client.acknowledge();
    for (let left = lateBytes; left > 0; left -= 16 * KIB) client.force(ids[0] as number, Math.min(left, 16 * KIB));
    for (let count = 0; count < frames; count += 1) client.force(ids[0] as number, 1);
    const codes = client.peer.closed.map((error) => error?.code);
    expect(codes).toEqual(closes ? [ErrorCode.FLOW_CONTROL_ERROR] : []);
  });

  it("may still end, which takes no window", () => {
    const { client, ids } = crowd(13);
    for (const id of ids) client.peer.raw(frame("DATA", 1, id));
    expect(client.peer.closed).toEqual([]);
    expect(ids.every((id) => client.recorded(id).didEnd)).toBe(true);
  });

  it("never leave a peer without window while somebody reads, however they are mixed", async () => {
    const step = fc.record({
      index: fc.nat(15),
      send: fc.nat(100 * KIB),
      read: fc.nat(100 * KIB),
      reset: fc.integer({ min: 0, max: 20 }),
      afterMs: fc.constantFrom(0, 0, 0, 100, 3000),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120, size: "max" }), async (steps) => {
        const client = new WindowClient({ connectionWindowBytes: 256 * KIB, maxConnectionWindowBytes: 256 * KIB });
        const ids = Array.from({ length: 16 }, () => client.open());
        const consumed = new Map<number, number>();
        for (const { index, send, read, reset, afterMs } of steps) {
          const id = ids[index] as number;
          client.send(id, send);
          const count = Math.min(read, client.sentOn(id) - (consumed.get(id) ?? 0));
          consumed.set(id, (consumed.get(id) ?? 0) + count);
          client.recorded(id).stream?.consume(count);
          if (reset === 0) {
            client.peer.raw(frame("RST_STREAM", 0, id, uint32(8)));
            ids[index] = client.open();
          }
          if (afterMs > 0) await client.peer.clock.advance(afterMs);
          client.read();
          expect(client.peer.closed).toEqual([]);
          expect(client.connectionBytes, "no byte twice").toBeLessThanOrEqual(256 * KIB);
        }
        const reader = client.open();
        client.recorded(reader).consumes = true;
        expect(client.send(reader, 300 * KIB)).toBe(300 * KIB);
      }),
    );
  });
});
