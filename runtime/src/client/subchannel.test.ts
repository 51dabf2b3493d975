import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ConnectivityState } from "../balance/picker.js";
import { ErrorCode, type Http2Connection, type Http2Options } from "../http2/types.js";
import { type StreamWaiter, Subchannel } from "./subchannel.js";
import { address, Harness, NOTHING_LEFT } from "./test/harness.js";

let harness: Harness;
let states: ConnectivityState[];
let dials: number;
const subchannels: Subchannel[] = [];

beforeEach(() => {
  harness = new Harness();
  states = [];
  dials = 0;
});

afterEach(async () => {
  for (const subchannel of subchannels.splice(0)) subchannel.destroy();
  expect(await harness.stop()).toEqual(NOTHING_LEFT);
});

function make(at = "a:80", http2: Http2Options = {}): Subchannel {
  const endpoint = { address: at, host: "", port: 0, weight: 1, health: "healthy" as const };
  const subchannel = new Subchannel(endpoint, {
    network: {
      connect: (to, options) => {
        dials += 1;
        return harness.network.connect(to, options);
      },
      listen: (to, onStream) => harness.network.listen(to, onStream),
    },
    clock: harness.clock,
    // The middle of the jitter: the backoff is exact.
    rng: () => 0.5,
    connectTimeoutMs: 5000,
    http2,
    onStateChange: ({ state }) => states.push(state),
  });
  subchannels.push(subchannel);
  return subchannel;
}

const CALL = {
  fields: [":method", "POST", ":scheme", "http", ":path", "/test.Echo/Say", "content-type", "application/grpc"],
};
const IGNORE = { onHeaders() {}, onData() {}, onWritable() {}, onClose() {} };

async function connected(): Promise<Subchannel> {
  const subchannel = make();
  subchannel.connect();
  await harness.clock.advance(0);
  expect(subchannel.state).toBe("ready");
  states.length = 0;
  return subchannel;
}

describe("Subchannel", () => {
  it("stays idle until it is told to connect, then becomes ready", async () => {
    await harness.serve("a");
    const subchannel = make();
    await harness.clock.advance(10_000);
    expect([subchannel.state, dials]).toEqual(["idle", 0]);
    subchannel.connect();
    subchannel.connect();
    expect(subchannel.state).toBe("connecting");
    await harness.clock.advance(0);
    expect([states, dials]).toEqual([["ready"], 1]);
    expect(subchannel.connection?.canOpenStream).toBe(true);
  });

  it("tries again after 1 s and 1.6 times longer each time, and stays failed meanwhile", async () => {
    const subchannel = make();
    subchannel.connect();
    await harness.clock.advance(0);
    expect(subchannel.lastFailure).toContain("can't connect to a:80");
    for (const [failures, waitMs] of [1000, 1600, 2560, 4096].entries()) {
      await harness.clock.advance(waitMs - 1);
      expect(dials).toBe(failures + 1);
      await harness.clock.advance(1);
      expect(dials).toBe(failures + 2);
    }
    expect(states).toEqual(["failed"]);
    await harness.serve("a");
    await harness.clock.advance(6554);
    expect(states).toEqual(["failed", "ready"]);
  });

  it("waits no longer than two minutes", async () => {
    make().connect();
    await harness.clock.advance(3_600_000);
    const before = dials;
    await harness.clock.advance(1_200_000);
    expect(dials - before).toBe(10);
  });

  it("fails an attempt that takes too long", async () => {
    await harness.serve("a");
    harness.network.partition(address("a"), true);
    const subchannel = make();
    subchannel.connect();
    await harness.clock.advance(4999);
    expect(subchannel.state).toBe("connecting");
    await harness.clock.advance(1);
    expect(subchannel.lastFailure).toBe("can't connect to a:80: no answer within 5000 ms");
  });

  it("becomes idle when the server goes away in order", async () => {
    await harness.serve("a");
    const subchannel = await connected();
    void harness.servers.get("a")?.close(0);
    await harness.clock.advance(0);
    expect([states, subchannel.connection]).toEqual([["idle"], undefined]);
  });

  it("connects again at once when a connection that worked is lost", async () => {
    await harness.serve("a");
    const subchannel = await connected();
    await harness.clock.advance(1000);
    harness.network.cut(address("a"));
    await harness.clock.advance(0);
    expect([states, dials]).toEqual([["connecting", "ready"], 2]);
    expect(subchannel.lastFailure).toContain("a:80: ");
  });

  it("waits when a connection is lost as soon as it was made", async () => {
    await harness.serve("a");
    await connected();
    harness.network.cut(address("a"));
    await harness.clock.advance(999);
    expect([states, dials]).toEqual([["failed"], 1]);
    await harness.clock.advance(1);
    expect(states).toEqual(["failed", "ready"]);
  });

  // A server that restarts now and then in order was retried later and later: each failure counted for ever.
  it("begins with the first backoff again after a connection that worked, also when it ended in order", async () => {
    const subchannel = make();
    subchannel.connect();
    await harness.clock.advance(1000 + 1600 + 2560);
    await harness.serve("a");
    await harness.clock.advance(4096);
    expect(subchannel.state).toBe("ready");
    await harness.clock.advance(60_000);
    void harness.servers.get("a")?.close(0);
    await harness.clock.advance(0);
    expect(subchannel.state).toBe("idle");
    subchannel.connect();
    await harness.clock.advance(0);
    const before = dials;
    await harness.clock.advance(1000);
    expect(dials).toBe(before + 1);
  });

  it("drains its connection when it is closed, and connects no more", async () => {
    await harness.serve("a");
    const subchannel = await connected();
    subchannel.close();
    subchannel.connect();
    await harness.clock.advance(0);
    expect([subchannel.state, subchannel.connection, dials, states]).toEqual(["idle", undefined, 1, []]);
    expect(harness.network.openConnections).toBe(0);
  });

  it("gives up an attempt under way, or a backoff, when it is closed", async () => {
    const [failed, connecting] = [make(), make()];
    failed.connect();
    await harness.clock.advance(0);
    failed.close();
    connecting.connect();
    connecting.close();
    await harness.clock.advance(60_000);
    expect([dials, states]).toEqual([2, ["failed"]]);
  });

  it("fails when its address is none", async () => {
    const subchannel = make("nowhere");
    subchannel.connect();
    await harness.clock.advance(0);
    expect([subchannel.state, subchannel.lastFailure, dials]).toEqual(["failed", '"nowhere" is not an address', 0]);
  });

  // The failure came after the end of the turn, armed a backoff, and went on for ever.
  it("stays closed when its address is none and it is closed in the same turn", async () => {
    const subchannel = make("nowhere");
    subchannel.connect();
    subchannel.close();
    await harness.clock.advance(0);
    expect([subchannel.state, harness.clock.pendingTimers]).toEqual(["idle", 0]);
  });

  it("tells the calls that wait for a stream that the connection is lost", async () => {
    let connection: Http2Connection | undefined;
    await harness.serveRaw("a", (_stream, of) => {
      connection = of;
    });
    const subchannel = await connected();
    subchannel.connection?.openStream(CALL, undefined, true, IGNORE);
    await harness.clock.advance(0);
    const told: string[] = [];
    const waiter = (name: string): StreamWaiter => ({
      onStreamFree: () => told.push(`${name} free`),
      onConnectionLost: () => told.push(`${name} lost`),
    });
    const gone = waiter("gone");
    for (const waiting of [waiter("first"), gone, waiter("second")]) subchannel.waitForStream(waiting);
    subchannel.stopWaiting(gone);
    connection?.close(ErrorCode.INTERNAL_ERROR, "broken");
    await harness.clock.advance(0);
    expect(told).toEqual(["first lost", "second lost"]);
  });

  // The server wants 5 minutes between PINGs and forgives two; those of 30 s end the connection.
  it("A11: asks half as often after a server complained of too many PINGs", async () => {
    await harness.serve("a");
    const subchannel = make("a:80", { keepaliveTimeMs: 30_000 });
    const lifetimes: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      subchannel.connect();
      await harness.clock.advance(0);
      const { connection } = subchannel;
      // Without a stream a client does not ask.
      connection?.openStream(CALL, undefined, false, IGNORE);
      const startMs = harness.clock.nowMs();
      while (subchannel.connection === connection) await harness.clock.advance(1000);
      lifetimes.push(harness.clock.nowMs() - startMs);
    }
    expect(lifetimes).toEqual([120_000, 240_000, 480_000]);
  });

  it("A22: gets a new connection when the stream ids of the old one run out, and ends no stream for it", async () => {
    await harness.serveRaw("a", () => {});
    const subchannel = make("a:80", { maxStreamId: 5 });
    subchannel.connect();
    await harness.clock.advance(0);
    const { connection } = subchannel;
    let lost = 0;
    const waiting = { ...IGNORE, onClose: () => (lost += 1) };
    for (let count = 0; count < 3; count += 1) connection?.openStream(CALL, undefined, false, waiting);
    expect(connection?.canOpenStream).toBe(false);
    await harness.clock.advance(0);
    expect([subchannel.state, subchannel.connection, connection?.openStreams]).toEqual(["idle", undefined, 3]);
    subchannel.connect();
    await harness.clock.advance(0);
    expect(subchannel.connection?.canOpenStream).toBe(true);
    expect([dials, lost]).toEqual([2, 0]);
    connection?.close(ErrorCode.CANCEL, "the test is over");
  });
});
