import { afterEach, describe, expect, it } from "vitest";
import type { Address } from "../base/network.js";
import { createSimulatedNetwork } from "../testing/simulated-network.js";
import { createVirtualClock } from "../testing/virtual-clock.js";
import { CLIENT_PREFACE, FrameFlag } from "./frame.js";
import type { Http2Options } from "./limits.js";
import { openHttp2Session } from "./session.js";
import { FakeStream } from "./test/fake-stream.js";
import { frame, headersFrame, REQUEST, RESPONSE, RecordedStream, settingsFrame, uint32 } from "./test/scripted-peer.js";
import { type ConnectionError, ErrorCode, type Http2Connection, type Http2Stream } from "./types.js";

const SECOND = 1000;
const ADDRESS: Address = { kind: "tcp", host: "10.0.0.1", port: 80 };
const HELLO = Buffer.concat([CLIENT_PREFACE, settingsFrame([]), frame("SETTINGS", FrameFlag.ACK, 0)]);
const PING = frame("PING", 0, 0, Buffer.alloc(8));

const clock = createVirtualClock();
const rng = (): number => 0.5;

/** A session on a stream that only records, and what it told. */
class Told {
  readonly stream = new FakeStream();
  readonly opened: RecordedStream[] = [];
  readonly closed: (ConnectionError | undefined)[] = [];
  readonly limits: string[] = [];
  readonly connection: Http2Connection;
  onStream: (stream: Http2Stream) => void = () => {};

  constructor(role: "client" | "server", options: Http2Options = {}) {
    this.connection = openHttp2Session({
      role,
      stream: this.stream,
      clock,
      rng,
      options,
      handler: {
        onStream: (stream) => {
          const recorded = new RecordedStream();
          recorded.stream = stream;
          this.opened.push(recorded);
          this.onStream(stream);
          return recorded;
        },
        onCapacity() {},
        onLimit: ({ limit }) => this.limits.push(limit),
        onClose: (error) => this.closed.push(error),
      },
    });
    this.receive(role === "server" ? HELLO : settingsFrame([]));
  }

  receive(...bytes: Buffer[]): void {
    this.stream.handler?.onBytes(Buffer.concat(bytes));
  }

  /** What was done to the stream but writing. */
  get done(): string[] {
    return this.stream.done.filter((name) => name !== "write");
  }

  gone(): void {
    this.stream.handler?.onClose(undefined);
  }
}

afterEach(() => {
  expect(clock.pendingTimers, "a closed session keeps no timer").toBe(0);
});

describe("A1: a session whose peer opens many streams in one read", () => {
  it("leaves the rest in the socket until others had their turn, and loses none", async () => {
    const told = new Told("server");
    const ids = Array.from({ length: 100 }, (_, index) => 2 * index + 1);
    told.receive(...ids.map((id) => headersFrame(id, REQUEST)));
    expect([told.opened.length, told.done, told.connection.isReadPaused]).toEqual([32, ["pause"], true]);
    await clock.advance(0);
    expect([told.opened.length, told.done, told.connection.isReadPaused]).toEqual([100, ["pause", "resume"], false]);
    told.gone();
  });
});

describe("A12: a session whose peer does not read", () => {
  it("stops reading at 50 replies, and goes on when the socket took them", async () => {
    const told = new Told("server", { minPingIntervalMs: 0 });
    await clock.advance(0);
    told.stream.isFull = true;
    told.receive(PING);
    await clock.advance(0);
    for (let count = 0; count < 49; count++) told.receive(PING);
    await clock.advance(0);
    expect(told.done).toEqual([]);
    told.receive(PING);
    await clock.advance(0);
    expect([told.done, told.connection.isReadPaused]).toEqual([["pause"], true]);
    told.stream.isFull = false;
    told.stream.handler?.onDrain();
    expect([told.done, told.connection.isReadPaused]).toEqual([["pause", "resume"], false]);
    told.gone();
    expect(told.limits).toEqual([]);
  });

  it("stops reading requests when their answers fill the output, by headers alone", async () => {
    const told = new Told("server", { outputHighBytes: 10_000 });
    told.onStream = (stream) => stream.sendHeaders({ fields: RESPONSE }, ["x-large", "~".repeat(3000)], true);
    await clock.advance(0);
    told.stream.isFull = true;
    told.receive(PING);
    await clock.advance(0);
    for (let id = 1; id < 9; id += 2) told.receive(headersFrame(id, REQUEST, true));
    expect(told.done).toEqual(["pause"]);
    told.stream.handler?.onDrain();
    expect(told.done).toEqual(["pause", "resume"]);
    told.gone();
  });

  it("is ended after 60 s in which it took nothing, and told so (A16)", async () => {
    const told = new Told("server");
    await clock.advance(0);
    told.stream.isFull = true;
    told.receive(PING);
    await clock.advance(60 * SECOND - 1);
    expect([told.limits, told.closed]).toEqual([[], []]);
    await clock.advance(1);
    expect(told.limits).toEqual(["stall_timeout"]);
    expect(told.closed).toMatchObject([{ code: ErrorCode.ENHANCE_YOUR_CALM, message: /60000 ms/ }]);
    expect(told.stream.lastWritten.subarray(3, 4)).toEqual(Buffer.of(7));
    await clock.advance(SECOND);
    expect(told.done.slice(-1)).toEqual(["destroy"]);
    told.gone();
  });

  it("is not ended while it takes something now and then, in the edge preset every 30 s", async () => {
    const told = new Told("server", { preset: "edge" });
    await clock.advance(0);
    told.stream.isFull = true;
    for (let count = 0; count < 5; count++) {
      told.receive(headersFrame(2 * count + 1, REQUEST));
      told.opened.at(-1)?.stream?.sendHeaders({ fields: RESPONSE }, undefined, false);
      await clock.advance(29 * SECOND);
      told.stream.handler?.onDrain();
    }
    expect([told.limits, told.closed]).toEqual([[], []]);
    await clock.advance(31 * SECOND);
    told.receive(headersFrame(99, REQUEST));
    told.opened.at(-1)?.stream?.sendHeaders({ fields: RESPONSE }, undefined, false);
    await clock.advance(30 * SECOND);
    expect(told.limits).toEqual(["stall_timeout"]);
    told.gone();
  });
});

describe("A23: a session after an error", () => {
  it.each([
    ["a client", "client"],
    ["a server", "server"],
  ] as const)("reads nothing any more and destroys the stream 1 s later: %s", async (_name, role) => {
    const told = new Told(role);
    await clock.advance(0);
    told.receive(frame("WINDOW_UPDATE", 0, 0, uint32(0)));
    expect(told.closed).toMatchObject([{ code: ErrorCode.PROTOCOL_ERROR, origin: "library" }]);
    expect(told.done).toEqual(["end", "pause"]);
    const written = told.stream.done.length;
    told.receive(PING, headersFrame(1, REQUEST));
    await clock.advance(SECOND - 1);
    expect([told.opened.length, told.stream.done.length]).toEqual([0, written]);
    await clock.advance(1);
    expect(told.done).toEqual(["end", "pause", "destroy"]);
    told.gone();
  });

  it.each([["stalls"], ["is told by its user that it is a nuisance"]])(
    "reads nothing of a peer that %s",
    async (name) => {
      const told = new Told("server");
      await clock.advance(0);
      told.stream.isFull = name === "stalls";
      told.receive(PING);
      if (name === "stalls") await clock.advance(60 * SECOND);
      else told.connection.close(ErrorCode.ENHANCE_YOUR_CALM, "no more of this");
      expect(told.done).toEqual(["end", "pause"]);
      told.gone();
    },
  );

  it("reads the peer's end after a close in order", () => {
    const told = new Told("client");
    told.connection.close(ErrorCode.NO_ERROR, "done");
    expect(told.done).toEqual(["end"]);
    told.gone();
  });
});

/** Sends and receives as fast as it may. */
class Bulk extends RecordedStream {
  leftBytes: number;
  receivedBytes = 0;

  constructor(byteCount: number) {
    super();
    this.leftBytes = byteCount;
  }

  override onWritable(): void {
    let isRoom = true;
    while (isRoom && this.leftBytes > 0) {
      const byteCount = Math.min(65_536, this.leftBytes);
      this.leftBytes -= byteCount;
      isRoom = this.stream?.sendData(Buffer.alloc(byteCount), this.leftBytes === 0) ?? false;
    }
  }

  override onData(bytes: Uint8Array): void {
    this.receivedBytes += bytes.byteLength;
    this.stream?.consume(bytes.byteLength);
  }
}

describe("A19: sessions that both send as much as they may", () => {
  // Each would wait for the other if full output kept one from reading.
  it.each([1, 16])("do not wait for each other: %d streams", async (streamCount) => {
    const byteCount = 1_500_000;
    const network = createSimulatedNetwork({ clock });
    const limits: string[] = [];
    const shared = { clock, rng };
    const handler = {
      onCapacity() {},
      onClose() {},
      onLimit: ({ limit }: { limit: string }) => void limits.push(limit),
    };
    const listener = await network.listen(ADDRESS, (stream) => {
      const onStream = (opened: Http2Stream): Bulk => {
        const bulk = new Bulk(byteCount);
        bulk.stream = opened;
        opened.sendHeaders({ fields: RESPONSE }, undefined, false);
        bulk.onWritable();
        return bulk;
      };
      openHttp2Session({ ...shared, role: "server", stream, handler: { ...handler, onStream } });
    });
    const stream = await network.connect(ADDRESS, { timeoutMs: 1000 });
    const onStream = (): RecordedStream => new RecordedStream();
    const client = openHttp2Session({ ...shared, role: "client", stream, handler: { ...handler, onStream } });
    await clock.advance(0);
    const calls = Array.from({ length: streamCount }, () => {
      const bulk = new Bulk(byteCount);
      bulk.stream = client.openStream({ fields: REQUEST }, undefined, false, bulk);
      return bulk;
    });
    for (const bulk of calls) bulk.onWritable();
    for (let round = 0; round < 500 && client.openStreams > 0; round++) await clock.advance(0);
    expect(calls.map(({ receivedBytes }) => receivedBytes)).toEqual(calls.map(() => byteCount));
    client.drain();
    await clock.advance(2 * SECOND);
    expect([limits, network.openConnections]).toEqual([[], 0]);
    await listener.close();
  });
});
