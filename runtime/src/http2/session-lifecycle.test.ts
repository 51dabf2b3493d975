import { afterEach, describe, expect, it } from "vitest";
import type { Address } from "../base/network.js";
import { createSimulatedNetwork } from "../testing/simulated-network.js";
import { createVirtualClock } from "../testing/virtual-clock.js";
import { CLIENT_PREFACE, FrameFlag } from "./frame.js";
import { openHttp2Session } from "./session.js";
import { FakeStream } from "./test/fake-stream.js";
import { frame, REQUEST, RESPONSE, RecordedStream, settingsFrame } from "./test/scripted-peer.js";
import { type ConnectionError, ErrorCode, type Http2Connection } from "./types.js";

const ADDRESS: Address = { kind: "tcp", host: "10.0.0.1", port: 80 };

const rng = (): number => 0.5;

describe("openHttp2Session", () => {
  const clock = createVirtualClock();
  const handler = { onStream: () => new RecordedStream(), onCapacity() {}, onClose() {} };

  afterEach(() => {
    expect(clock.pendingTimers).toBe(0);
  });

  it("carries calls over a simulated network, more than all windows hold", async () => {
    const network = createSimulatedNetwork({ clock });
    const closed: (ConnectionError | undefined)[] = [];
    const onClose = (error: ConnectionError | undefined): void => {
      closed.push(error);
    };
    let server: Http2Connection | undefined;
    const listener = await network.listen(ADDRESS, (stream) => {
      const onStream: Accept = (opened) => {
        opened.sendHeaders({ fields: RESPONSE }, undefined, false);
        opened.sendData(Buffer.alloc(6_000_000, 1), true);
        return new RecordedStream();
      };
      server = openHttp2Session({ role: "server", stream, clock, rng, handler: { ...handler, onStream, onClose } });
    });
    const stream = await network.connect(ADDRESS, { timeoutMs: 1000 });
    const client = openHttp2Session({ role: "client", stream, clock, rng, handler: { ...handler, onClose } });
    const call = new RecordedStream();
    call.stream = client.openStream({ fields: REQUEST }, undefined, true, call);
    for (let rounds = 0; call.closed.length === 0 && rounds < 200; rounds++) await clock.advance(0);
    expect(call.closed).toEqual([undefined]);
    expect(Buffer.concat(call.body)).toHaveLength(6_000_000);
    server?.drain();
    await clock.advance(2000);
    expect(closed).toEqual([undefined, undefined]);
    expect(network.openConnections).toBe(0);
    await listener.close();
  });

  it("writes once per turn", async () => {
    const stream = new FakeStream();
    const client = openHttp2Session({ role: "client", stream, clock, rng, handler });
    await clock.advance(0);
    const before = stream.done.length;
    for (let count = 0; count < 10; count++) {
      const opened = client.openStream({ fields: REQUEST }, undefined, false, new RecordedStream());
      opened.sendData(Buffer.from("body"), true);
    }
    expect(stream.done).toHaveLength(before);
    await clock.advance(0);
    expect(stream.done).toHaveLength(before + 1);
    stream.handler?.onClose(undefined);
  });

  it("takes no more output while the peer does not read", async () => {
    const stream = new FakeStream();
    const client = openHttp2Session({ role: "client", stream, clock, rng, handler });
    stream.isFull = true;
    await clock.advance(0);
    const before = stream.done.length;
    client.ping(() => {});
    await clock.advance(0);
    expect(stream.done).toHaveLength(before);
    stream.isFull = false;
    stream.handler?.onDrain();
    expect(stream.done).toHaveLength(before + 1);
    stream.handler?.onClose(undefined);
  });

  it("closes the stream by force when the peer does not: a client, which waits for nothing, soon", async () => {
    for (const finish of [
      (client: Http2Connection) => client.close(ErrorCode.NO_ERROR, "done"),
      (client: Http2Connection) => client.drain(),
    ]) {
      const stream = new FakeStream();
      finish(openHttp2Session({ role: "client", stream, clock, rng, handler }));
      await clock.advance(999);
      expect(stream.done.slice(-2)).toEqual(["write", "end"]);
      await clock.advance(1);
      expect(stream.done.at(-1)).toBe("destroy");
    }
  });

  it("gives a client longer to read the last response of a server that drained", async () => {
    const stream = new FakeStream();
    const server = openHttp2Session({ role: "server", stream, clock, rng, handler });
    stream.handler?.onBytes(Buffer.concat([CLIENT_PREFACE, settingsFrame([])]));
    server.drain();
    await clock.advance(0);
    const pingPayload = stream.lastWritten.subarray(-8);
    stream.handler?.onBytes(frame("PING", FrameFlag.ACK, 0, pingPayload));
    await clock.advance(29_999);
    expect(stream.done.at(-1)).toBe("end");
    await clock.advance(1);
    expect(stream.done.at(-1)).toBe("destroy");
  });

  it("leaves no timer behind when the peer closes as well, before or after", async () => {
    for (const isFirst of [true, false]) {
      const stream = new FakeStream();
      const client = openHttp2Session({ role: "client", stream, clock, rng, handler });
      if (isFirst) stream.handler?.onClose(undefined);
      client.close(ErrorCode.NO_ERROR, "done");
      if (!isFirst) stream.handler?.onClose(undefined);
      await clock.advance(5000);
      expect(stream.done).not.toContain("destroy");
    }
  });
});

type Accept = Parameters<typeof openHttp2Session>[0]["handler"]["onStream"];
