import { describe, expect, it } from "vitest";
import type { Http2Options } from "./limits.js";
import {
  dataFrame,
  frame,
  headersFrame,
  pingAck,
  REQUEST,
  RESPONSE,
  type RecordedStream,
  ScriptedPeer,
  type SentFrame,
  uint32,
} from "./test/scripted-peer.js";
import { ErrorCode } from "./types.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const INITIAL_WINDOW_SIZE = 4;

function windowUpdate(streamId: number, byteCount: number): Buffer {
  return frame("WINDOW_UPDATE", 0, streamId, uint32(byteCount));
}

/** A server with `count` streams that may send nothing, on a connection that may send anything. */
function held(count: number, options: Http2Options = {}): ScriptedPeer {
  const peer = new ScriptedPeer("server", options).handshake([[INITIAL_WINDOW_SIZE, 0]]);
  peer.raw(windowUpdate(0, 100 * MIB));
  for (let index = 0; index < count; index++) peer.raw(headersFrame(2 * index + 1, REQUEST, true));
  for (const { stream } of peer.streams) stream?.sendHeaders({ fields: RESPONSE }, undefined, false);
  peer.frames();
  return peer;
}

const LONG_QUEUES: Http2Options = { streamSendBufferBytes: 256 * KIB, outputHighBytes: 256 * KIB };

function send(recorded: RecordedStream | undefined, byteCount: number): boolean | undefined {
  return recorded?.stream?.sendData(Buffer.alloc(byteCount), false);
}

function writable(peer: ScriptedPeer): number[] {
  return peer.streams.map((recorded) => recorded.writable);
}

describe("A19: what waits to be sent", () => {
  it.each([
    ["32 KiB in the mesh preset", "mesh", 32 * KIB],
    ["32 KiB in the edge preset", "edge", 32 * KIB],
  ] as const)(
    "asks the user of a stream to wait above %s, and once to go on when half is gone",
    (_name, preset, most) => {
      const peer = held(1, { preset });
      const [recorded] = peer.streams;
      expect(send(recorded, most)).toBe(true);
      expect(send(recorded, 1)).toBe(false);
      expect(send(recorded, 1)).toBe(false);
      peer.raw(windowUpdate(1, most / 2 + 1)).frames();
      expect(writable(peer)).toEqual([0]);
      peer.raw(windowUpdate(1, 1)).frames();
      expect(writable(peer)).toEqual([1]);
      peer.raw(windowUpdate(1, most)).frames();
      expect([writable(peer), send(recorded, 1)]).toEqual([[1], true]);
    },
  );

  it("asks the users of all streams to wait above 1 MiB together, and once to go on when half is gone", () => {
    const peer = held(20, LONG_QUEUES);
    const [first, second, third, fourth, fifth, ...others] = peer.streams;
    for (const large of [first, second, third, fourth]) expect(send(large, 256 * KIB)).toBe(true);
    expect(send(fifth, 1)).toBe(false);
    for (const small of others) expect(send(small, 100)).toBe(false);
    for (const id of [1, 3]) peer.raw(windowUpdate(id, 256 * KIB)).frames();
    peer.frames();
    expect(Math.max(...writable(peer)), "1,501 bytes too many are left").toBe(0);
    peer.raw(windowUpdate(5, 1500)).frames();
    expect(Math.max(...writable(peer))).toBe(0);
    peer.raw(windowUpdate(5, 1)).frames();
    expect(writable(peer)).toEqual([0, 0, 0, 0, ...Array.from({ length: 16 }, () => 1)]);
    peer.raw(windowUpdate(5, MIB)).frames();
    expect(Math.max(...writable(peer))).toBe(1);
  });

  it("is fewer when a stream is reset, which lets the others go on", () => {
    const peer = held(6, LONG_QUEUES);
    const [first, second, third, fourth, fifth, sixth] = peer.streams;
    for (const large of [first, second, third, fourth]) send(large, 256 * KIB);
    expect([send(fifth, 1), send(sixth, 1)]).toEqual([false, false]);
    first?.stream?.reset(ErrorCode.CANCEL);
    second?.stream?.reset(ErrorCode.CANCEL);
    expect(writable(peer)).toEqual([0, 0, 0, 0, 0, 0]);
    sixth?.stream?.reset(ErrorCode.CANCEL);
    third?.stream?.reset(ErrorCode.CANCEL);
    expect(writable(peer)).toEqual([0, 0, 0, 0, 1, 0]);
  });

  it("lets a user that went on all the same go on once, and not before its own stream is shorter", () => {
    const peer = held(5, LONG_QUEUES);
    const [first, second, third, fourth, fifth] = peer.streams;
    for (const large of [first, second, third, fourth]) send(large, 256 * KIB);
    expect([send(fifth, 1), send(fifth, 256 * KIB)]).toEqual([false, false]);
    for (const id of [1, 3, 5, 7]) peer.raw(windowUpdate(id, 256 * KIB)).frames();
    for (let taken = 0; taken < 8; taken++) peer.frames();
    expect(writable(peer)).toEqual([0, 0, 0, 0, 0]);
    peer.raw(windowUpdate(9, 256 * KIB + 1)).frames();
    expect(writable(peer)).toEqual([0, 0, 0, 0, 1]);
  });

  it("is not copied into the output beyond 64 KiB while nobody takes it", () => {
    const peer = held(4).raw(...[1, 3, 5, 7].map((id) => windowUpdate(id, 10 * MIB)));
    for (const recorded of peer.streams) while (send(recorded, 16_384) === true);
    peer.raw(frame("PRIORITY", 0, 1, Buffer.alloc(5)));
    expect(peer.connection.isReadPaused, "what the peer says is read all the same").toBe(false);
    const first = peer.frames().reduce((sum, { payload }) => sum + payload.length, 0);
    expect(first).toBeGreaterThanOrEqual(64 * KIB);
    expect(first).toBeLessThanOrEqual(64 * KIB + 16_384);
  });
});

/** Sends DATA in frames of 16,000 bytes while windows allow `byteCount` of it. */
function feed(peer: ScriptedPeer, streamId: number, byteCount: number): void {
  for (let left = byteCount; left > 0; left -= 16_000)
    peer.raw(dataFrame(streamId, Buffer.alloc(Math.min(left, 16_000))));
}

/** What SETTINGS_INITIAL_WINDOW_SIZE became, and what the connection's window grew by. */
function announced(frames: readonly SentFrame[]): { readonly stream: number | undefined; readonly connection: number } {
  const settings = frames.find(({ type, flags }) => type === "SETTINGS" && flags === 0);
  const updates = frames.filter(({ type, streamId }) => type === "WINDOW_UPDATE" && streamId === 0);
  return {
    stream: settings?.payload.readUInt32BE(2),
    connection: updates.reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0),
  };
}

/** A server whose stream 1 used half its window, and asks for the way with a PING: returns the answer. */
function measuring(options: Http2Options): { readonly peer: ScriptedPeer; readonly answer: Buffer } {
  const peer = new ScriptedPeer("server", options).handshake().raw(headersFrame(1, REQUEST));
  feed(peer, 1, 32 * KIB - 1);
  expect(
    peer.frames().map(({ type }) => type),
    "less than half a window",
  ).toEqual([]);
  feed(peer, 1, 1);
  const frames = peer.frames();
  expect(frames.map(({ type }) => type)).toEqual(["PING", "WINDOW_UPDATE"]);
  return { peer, answer: pingAck(frames) };
}

describe("A20: a receive window", () => {
  const third = Math.ceil((64 * KIB) / 3);

  it.each([
    ["a third of it arrives within a PING's way", third, 128 * KIB],
    ["less arrives", third - 1, undefined],
  ])("doubles only when %s", (_name, byteCount, expected) => {
    const { peer, answer } = measuring({});
    feed(peer, 1, byteCount);
    peer.raw(answer);
    expect(announced(peer.frames()).stream).toBe(expected);
  });

  it("grows to 1 MiB and the connection's to 4 MiB, and then is not measured any more", () => {
    const peer = new ScriptedPeer("server").handshake().raw(headersFrame(1, REQUEST));
    const steps: number[] = [];
    let [connection, received, granted, isMeasured] = [MIB, 0, MIB, true];
    for (let round = 0; round < 40 && isMeasured; round++) {
      const before: SentFrame[] = [];
      // The peer keeps both windows as full as it may.
      while (!before.some(({ type }) => type === "PING") && before.length < 40) {
        feed(peer, 1, 32 * KIB);
        received += 32 * KIB;
        before.push(...peer.frames());
      }
      isMeasured = before.some(({ type }) => type === "PING");
      granted += announced(before).connection;
      if (!isMeasured) break;
      while (granted - received > 32 * KIB) {
        feed(peer, 1, 32 * KIB);
        received += 32 * KIB;
        const during = peer.frames();
        granted += announced(during).connection;
        if (received % (4 * MIB) === 0) break;
      }
      peer.raw(pingAck(before));
      const grown = announced(peer.frames());
      granted += grown.connection;
      connection += grown.connection;
      if (grown.stream !== undefined) steps.push(grown.stream / KIB);
    }
    expect([steps, connection, isMeasured, peer.closed]).toEqual([
      [128, 256, 512, 1024, 2048, 4096],
      6 * MIB,
      false,
      [],
    ]);
  });

  it("does not grow in the edge preset", () => {
    const peer = new ScriptedPeer("server", { preset: "edge" }).handshake().raw(headersFrame(1, REQUEST));
    const frames: SentFrame[] = [];
    for (let round = 0; round < 100; round++) {
      feed(peer, 1, 32 * KIB);
      frames.push(...peer.frames());
    }
    expect(frames.filter(({ type }) => type === "SETTINGS" || type === "PING")).toEqual([]);
    expect(frames.filter(({ type }) => type === "WINDOW_UPDATE").length).toBeGreaterThan(0);
  });

  it("does not grow for a reader that is slower than its peer", () => {
    const peer = new ScriptedPeer("server").handshake();
    peer.onStream = (recorded) => {
      recorded.consumes = false;
    };
    peer.raw(headersFrame(1, REQUEST));
    feed(peer, 1, 64 * KIB);
    expect(peer.frames(), "nothing was read: nothing is given, nothing asked").toEqual([]);
    // The peer waits for the reader, and does what it is asked in the order in which it is.
    for (let round = 0; round < 10; round++) {
      peer.streams[0]?.stream?.consume(32 * KIB);
      for (const sent of peer.frames()) {
        if (sent.type === "PING") peer.raw(pingAck([sent]));
        else if (sent.streamId === 1) feed(peer, 1, sent.payload.readUInt32BE(0));
      }
      expect(announced(peer.frames()).stream, `round ${round}`).toBeUndefined();
    }
    expect([peer.closed, peer.limits]).toEqual([[], []]);
  });

  it("is given back by what the application reads, and nothing else", () => {
    const peer = new ScriptedPeer("server").handshake();
    peer.onStream = (recorded) => {
      recorded.consumes = false;
    };
    peer.raw(headersFrame(1, REQUEST));
    feed(peer, 1, 64 * KIB);
    peer.raw(dataFrame(1, Buffer.alloc(1)));
    expect(peer.frames()).toMatchObject([{ type: "GOAWAY", code: "FLOW_CONTROL_ERROR" }]);
  });
});

describe("A19: a stream that waits for itself", () => {
  it("hears once that it may go on, also when all streams together had too much queued meanwhile", () => {
    const peer = new ScriptedPeer("server", { streamSendBufferBytes: 2000, connectionSendBufferBytes: 4000 });
    peer.handshake([[4, 0]]);
    for (const id of [1, 3, 5]) peer.raw(headersFrame(id, REQUEST));
    const [first, second, third] = peer.streams;
    for (const { stream } of peer.streams) stream?.sendHeaders({ fields: RESPONSE }, undefined, false);
    second?.stream?.sendData(Buffer.alloc(2000), false);
    third?.stream?.sendData(Buffer.alloc(1500), false);
    expect(first?.stream?.sendData(Buffer.alloc(2500), false)).toBe(false);
    peer.raw(frame("WINDOW_UPDATE", 0, 1, uint32(1000)));
    peer.frames();
    expect(first?.stream?.sendData(Buffer.alloc(200), false)).toBe(false);
    for (const other of [second, third]) other?.stream?.reset(ErrorCode.CANCEL);
    peer.raw(frame("WINDOW_UPDATE", 0, 1, uint32(10_000)));
    expect(first?.writable).toBe(1);
  });
});
