import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { http2Limits } from "../http2/limit-presets.js";
import { nodeNetwork } from "./node-network.js";
import { Recorder } from "./test/recorder.js";
import { endOf, messageOf, TlsHarness } from "./test/tls-harness.js";

let harness: TlsHarness;

beforeAll(async () => {
  harness = await TlsHarness.create();
});
afterEach(async () => {
  vi.useRealTimers();
  await harness.close();
});

/** Turns of the event loop until `isDone`; bounded by the test's own time. */
async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setImmediate(resolve));
}

describe("the TLS handshake timeout", () => {
  it("A27: is 10 s in both presets", () => {
    expect(http2Limits({ preset: "mesh" }).tlsHandshakeTimeoutMs).toBe(10_000);
    expect(http2Limits({ preset: "edge" }).tlsHandshakeTimeoutMs).toBe(10_000);
  });

  it("A27: a client that connects and says nothing is closed after 10 s, unless told otherwise", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const served = await harness.listen();
    const before = vi.getTimerCount();
    const client = harness.rawClient(served.address);
    const end = endOf(client);
    await until(() => vi.getTimerCount() > before);
    vi.advanceTimersByTime(9_999);
    expect(served.limits).toEqual([]);
    vi.advanceTimersByTime(1);
    await end;
    expect(served.limits).toEqual([
      expect.stringMatching(/^tls_handshake_timeout: closed the connection of 127.* no TLS handshake within 10000 ms$/),
    ]);
    expect([served.streams, served.errors]).toEqual([[], []]);
  });

  it("A27: a client that sends its hello byte by byte gets no more time for that", async () => {
    const served = await harness.listen({ tlsHandshakeTimeoutMs: 100 });
    const client = harness.rawClient(served.address);
    const hello = Buffer.from("1603010200010001fc0303", "hex");
    let sent = 0;
    const drip = setInterval(() => client.write(hello.subarray(sent % hello.length, (sent++ % hello.length) + 1)), 5);
    harness.onClose(() => clearInterval(drip));
    await endOf(client);
    expect(await served.limited()).toContain("no TLS handshake within 100 ms");
    expect(sent).toBeGreaterThan(5);
    expect(sent).toBeLessThan(hello.readUInt16BE(3) / 2);
  });

  it("A27: does not end a connection whose handshake was in time", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const served = await harness.listen();
    const client = await harness.connect(served.address);
    const server = await served.accepted();
    vi.advanceTimersByTime(60_000);
    const recorder = new Recorder();
    server.start(recorder);
    client.start(new Recorder());
    client.write(Buffer.from("still here"));
    await recorder.until("still here");
    expect(served.limits).toEqual([]);
  });

  it("A27: ends our attempt at a server that connects and says nothing", async () => {
    const server = await harness.rawServer(() => {});
    const address = { kind: "tcp", host: "127.0.0.1", port: server.port } as const;
    const attempt = nodeNetwork.connect(address, { timeoutMs: 50, tls: { ca: harness.ca.ca } });
    expect(await messageOf(attempt)).toBe(`can't connect to 127.0.0.1:${server.port}: no answer within 50 ms`);
  });

  it("A27: a listener that closes ends the handshakes that are under way", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const listener = await nodeNetwork.listen({ kind: "tcp", host: "127.0.0.1", port: 0 }, () => {}, {
      tls: harness.local,
    });
    const end = endOf(harness.rawClient(listener.address as { port: number } & typeof listener.address));
    await until(() => vi.getTimerCount() > 0);
    await listener.close();
    await end;
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a peer that does not go on with its TLS handshake", () => {
  it("TLS: may reset the connection in the middle of it, on either side", async () => {
    const served = await harness.listen();
    for (const leave of [(socket: Socket) => socket.resetAndDestroy(), (socket: Socket) => socket.end()]) {
      const client = harness.rawClient(served.address);
      await once(client, "connect");
      client.write(Buffer.from("1603010200010001fc0303", "hex"));
      await new Promise((resolve) => setImmediate(resolve));
      leave(client);
      expect(await served.failed()).toMatch(/TLS handshake of 127\.0\.0\.1:\d+ .*closed the connection/);
    }
    const server = await harness.rawServer((socket) => socket.once("data", () => socket.resetAndDestroy()));
    expect(await messageOf(harness.connect(server))).toContain("closed the connection during the TLS handshake");
    const polite = await harness.rawServer((socket) => socket.once("data", () => socket.end()));
    expect(await messageOf(harness.connect(polite))).toContain("closed the connection during the TLS handshake");
    await harness.connect(served.address);
  });

  it("TLS: is closed when it speaks plaintext", async () => {
    const served = await harness.listen();
    for (const text of ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\0".repeat(100)]) {
      const client = harness.rawClient(served.address);
      client.write(text);
      await endOf(client);
      expect(await served.failed()).toContain("is not TLS");
    }
    const server = await harness.rawServer((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
    expect(await messageOf(harness.connect(server))).toContain("is not TLS");
    expect(served.streams).toEqual([]);
  });

  it("TLS: may reset the connection right after it", async () => {
    const served = await harness.listen();
    const socket = harness.rawClient(served.address);
    await harness.tlsClient(served.address, { socket });
    const stream = await served.accepted();
    socket.resetAndDestroy();
    const recorder = new Recorder();
    stream.start(recorder);
    stream.write(Buffer.alloc(100_000));
    await recorder.over;
    await harness.connect(served.address);
  });
});

describe("a TLS stream", () => {
  it("TLS: asks the writer to wait for a peer that does not read, and loses nothing", async () => {
    const served = await harness.listen();
    const client = await harness.connect(served.address);
    const server = await served.accepted();
    let received = 0;
    let isOver = (): void => {};
    const over = new Promise<void>((resolve) => {
      isOver = resolve;
    });
    server.start({ onBytes: (chunk) => (received += chunk.byteLength), onDrain: () => {}, onClose: () => isOver() });
    server.pause();
    const drained = new Promise<void>((resolve) => {
      client.start({ onBytes: () => {}, onDrain: resolve, onClose: () => {} });
    });
    const piece = Buffer.alloc(1024 * 1024, 7);
    let sent = 0;
    do sent += piece.byteLength;
    while (client.write(piece));
    expect(sent).toBeLessThan(64 * 1024 * 1024);
    server.resume();
    await drained;
    client.end();
    await over;
    expect(received).toBe(sent);
  });

  it("TLS: sends what was written in one turn in few records", async () => {
    const served = await harness.listen();
    const client = await harness.connect(served.address);
    const chunks: number[] = [];
    const recorder = new Recorder();
    (await served.accepted()).start({
      onBytes: (chunk) => {
        chunks.push(chunk.byteLength);
        recorder.onBytes(chunk);
      },
      onDrain: () => {},
      onClose: () => {},
    });
    client.start(new Recorder());
    for (let index = 0; index < 1000; index += 1) client.write(Buffer.from("0123456789"));
    client.write(Buffer.from("end"));
    await recorder.until("end");
    // Node delivers at most one record, of up to 16 KiB, at a time.
    expect(chunks).toEqual([10_003]);
  });
});

describe("the connection limit of a listener", () => {
  it("A28: closes what is too much at once and says so", async () => {
    const served = await harness.listen({ maxConnections: 1 });
    const first = await harness.connect(served.address);
    await served.accepted();
    const second = harness.rawClient(served.address);
    await endOf(second);
    expect(await served.limited()).toMatch(
      /^connections: closed the connection of 127\.0\.0\.1:\d+ to 127\.0\.0\.1:[1-9]\d*: 1 are open$/,
    );
    first.start(new Recorder());
    first.end();
    const [stream] = served.streams;
    const recorder = new Recorder();
    stream?.start(recorder);
    await recorder.over;
    await harness.connect(served.address);
  });

  it("A28: outlives a process that is out of file descriptors", async () => {
    // The child may open few files; it accepts what it can and tells of the rest.
    const wire = new URL("../../dist/wire.js", import.meta.url).href;
    const script = `
      const { openSync } = await import("node:fs");
      const { nodeNetwork } = await import(${JSON.stringify(wire)});
      const handler = { onBytes() {}, onDrain() {}, onClose() {} };
      const onStream = (stream) => { stream.start(handler); stream.write(Buffer.from("hello")); };
      const onError = (error) => console.log("error " + error.message);
      const address = { kind: "tcp", host: "127.0.0.1", port: 0 };
      const listener = await nodeNetwork.listen(address, onStream, { onError });
      console.log("port " + listener.address.port);
      for (let files = 0; files < 230; files += 1) openSync("/dev/null");
      console.log("ready");`;
    const child = spawn("sh", [
      "-c",
      'ulimit -n 256 && exec "$0" --input-type=module -e "$1"',
      process.execPath,
      script,
    ]);
    harness.onClose(() => child.kill());
    let output = "";
    child.stderr.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    await until(() => output.includes("ready") || child.exitCode !== null);
    const port = Number(/port (\d+)/.exec(output)?.[1]);
    const clients = Array.from({ length: 60 }, () => harness.rawClient({ port }));
    const outcomes = await Promise.all(clients.map(firstWord));
    expect(outcomes).toContain("hello");
    expect(outcomes).toContain("closed");
    for (const client of clients) client.destroy();
    // Those that were accepted are let go of, and there is room again.
    let answer = "";
    while (answer !== "hello") answer = await firstWord(harness.rawClient({ port }));
    expect(child.exitCode).toBeNull();
  });
});

/** What a server says at first. */
function firstWord(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once("data", (chunk: Buffer) => resolve(chunk.toString()));
    socket.once("close", () => resolve("closed"));
  });
}
