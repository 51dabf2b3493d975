import { afterEach, describe, expect, it } from "vitest";
import type { Address, ByteStream } from "../base/network.js";
import { createSimulatedNetwork } from "./simulated-network.js";
import { createVirtualClock } from "./virtual-clock.js";

const ADDRESS: Address = { kind: "tcp", host: "10.0.0.1", port: 80 };

class Recorder {
  readonly stream: ByteStream;
  text = "";
  drains = 0;
  readonly closed: (string | undefined)[] = [];

  constructor(stream: ByteStream) {
    this.stream = stream;
    stream.start({
      onBytes: (chunk) => {
        this.text += Buffer.from(chunk).toString("latin1");
      },
      onDrain: () => {
        this.drains += 1;
      },
      onClose: (error) => {
        this.closed.push(error?.message);
      },
    });
  }
}

describe("createSimulatedNetwork", () => {
  const clock = createVirtualClock();
  const network = createSimulatedNetwork({ clock });
  const servers: Recorder[] = [];

  async function connected(): Promise<[client: Recorder, server: Recorder]> {
    const listener = await network.listen(ADDRESS, (stream) => servers.push(new Recorder(stream)));
    const client = new Recorder(await network.connect(ADDRESS, { timeoutMs: 1000 }));
    await clock.advance(0);
    await listener.close();
    return [client, servers.at(-1) as Recorder];
  }

  afterEach(async () => {
    network.cut(ADDRESS);
    network.refuse(ADDRESS, false);
    network.partition(ADDRESS, false);
    await clock.advance(0);
    expect(clock.pendingTimers).toBe(0);
    expect(network.openConnections).toBe(0);
  });

  it("delivers in order, after the sender's turn", async () => {
    const [client, server] = await connected();
    client.stream.write(Buffer.from("a"));
    client.stream.write(Buffer.from("b"));
    expect(server.text).toBe("");
    await clock.advance(0);
    expect(server.text).toBe("ab");
    expect(client.stream.peer).toBe("10.0.0.1:80");
  });

  it("ends in order once what was written arrived", async () => {
    const [client, server] = await connected();
    client.stream.write(Buffer.from("last"));
    client.stream.end();
    await clock.advance(0);
    expect(server.text).toBe("last");
    expect([client.closed, server.closed]).toEqual([[undefined], [undefined]]);
  });

  it("slows a writer down whose peer does not read", async () => {
    const [client, server] = await connected();
    server.stream.pause();
    expect(client.stream.write(Buffer.alloc(100_000))).toBe(false);
    await clock.advance(0);
    expect(client.drains).toBe(0);
    server.stream.resume();
    await clock.advance(0);
    expect(client.drains).toBe(1);
    expect(server.text).toHaveLength(100_000);
  });

  it("refuses where nobody listens, and where it is told to", async () => {
    await expect(network.connect(ADDRESS, { timeoutMs: 10 })).rejects.toThrow(
      "can't connect to 10.0.0.1:80: connection refused",
    );
    const listener = await network.listen(ADDRESS, () => {});
    await expect(network.listen(ADDRESS, () => {})).rejects.toThrow("10.0.0.1:80: the address is in use");
    network.refuse(ADDRESS, true);
    await expect(network.connect(ADDRESS, { timeoutMs: 10 })).rejects.toThrow("refused");
    await listener.close();
  });

  it("cuts connections", async () => {
    const [client, server] = await connected();
    client.stream.write(Buffer.from("lost"));
    network.cut(ADDRESS);
    await clock.advance(0);
    expect([client.closed, server.closed]).toEqual([["connection reset"], ["connection reset"]]);
    expect(server.text).toBe("");
  });

  it("holds everything back in a partition, then delivers it", async () => {
    const [client, server] = await connected();
    network.partition(ADDRESS, true);
    client.stream.write(Buffer.from("late"));
    await clock.advance(60_000);
    expect(server.text).toBe("");
    network.partition(ADDRESS, false);
    await clock.advance(0);
    expect(server.text).toBe("late");
  });

  it("lets an attempt time out in a partition, or be given up", async () => {
    network.partition(ADDRESS, true);
    const attempt = network.connect(ADDRESS, { timeoutMs: 500 });
    const given = new AbortController();
    const other = network.connect(ADDRESS, { timeoutMs: 500, signal: given.signal });
    const outcomes = Promise.allSettled([attempt, other]);
    given.abort();
    await clock.advance(500);
    expect((await outcomes).map((outcome) => (outcome.status === "rejected" ? String(outcome.reason) : ""))).toEqual([
      "Error: can't connect to 10.0.0.1:80: no answer within 500 ms",
      "Error: can't connect to 10.0.0.1:80: the attempt was given up",
    ]);
  });

  it("gives a free port for port 0", async () => {
    const listener = await network.listen({ kind: "tcp", host: "10.0.0.2", port: 0 }, () => {});
    expect(listener.address).toMatchObject({ host: "10.0.0.2", port: expect.toSatisfy((port: number) => port > 0) });
    await listener.close();
  });
});
