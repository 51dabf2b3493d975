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
  uint32,
} from "./test/scripted-peer.js";
import { ErrorCode } from "./types.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const LIMIT = 10_000;
const TRAILERS = ["x-end", "yes"];

const windowUpdate = (streamId: number, byteCount: number): Buffer =>
  frame("WINDOW_UPDATE", 0, streamId, uint32(byteCount));
const rst = (id: number): Buffer => frame("RST_STREAM", 0, id, uint32(ErrorCode.CANCEL));
const respond = ({ stream }: RecordedStream, byteCount: number): void => {
  stream?.sendHeaders({ fields: RESPONSE }, undefined, false);
  stream?.sendData(Buffer.alloc(byteCount), true);
};

/** A server whose stream 1 has an answer of `unsentBytes` that its peer does not let go yet. */
function busy(options: Http2Options = {}, unsentBytes = LIMIT + 1): ScriptedPeer {
  const peer = new ScriptedPeer("server", { deferAtUnsentBytes: LIMIT, ...options }).handshake([[4, 0]]);
  peer.raw(windowUpdate(0, 100 * MIB), headersFrame(1, REQUEST, true));
  respond(peer.streams[0] as RecordedStream, unsentBytes);
  peer.frames();
  return peer;
}

/** Lets half of the answer go, so that those who wait are served in the next turn. */
async function readHalf(peer: ScriptedPeer): Promise<void> {
  peer.raw(windowUpdate(1, LIMIT / 2 + 1));
  await turn();
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ids = (peer: ScriptedPeer): (number | undefined)[] => peer.streams.map(({ stream }) => stream?.id);
const bodyOf = (recorded: RecordedStream | undefined): string => Buffer.concat(recorded?.body ?? []).toString();

describe("A19: a request that comes while too much waits to be sent", () => {
  it.each([
    ["4 MiB in the mesh preset", "mesh", 4 * MIB],
    ["1 MiB in the edge preset", "edge", MIB],
  ] as const)("is served at once up to %s, and waits above", (_name, preset, most) => {
    const peer = new ScriptedPeer("server", { preset }).handshake([[4, 0]]);
    peer.raw(headersFrame(1, REQUEST, true));
    const [first] = peer.streams;
    first?.stream?.sendHeaders({ fields: RESPONSE }, undefined, false);
    first?.stream?.sendData(Buffer.alloc(most), false);
    peer.raw(headersFrame(3, REQUEST, true));
    expect(ids(peer)).toEqual([1, 3]);
    first?.stream?.sendData(Buffer.alloc(1), false);
    peer.raw(headersFrame(5, REQUEST, true));
    expect(ids(peer)).toEqual([1, 3]);
  });

  it("is served whole once half has gone, and its peer is read all the while", async () => {
    const peer = busy();
    peer.raw(headersFrame(3, REQUEST), dataFrame(3, Buffer.from("one ")));
    const chunk = dataFrame(3, Buffer.from("two "));
    peer.raw(chunk);
    chunk.fill(0);
    peer.raw(windowUpdate(1, LIMIT / 2));
    await turn();
    expect([ids(peer), peer.connection.isReadPaused]).toEqual([[1], false]);
    peer.raw(windowUpdate(1, 1), dataFrame(3, Buffer.from("three"), true));
    await turn();
    const [, second] = peer.streams;
    expect([second?.headers, bodyOf(second), second?.didEnd]).toEqual([
      [{ fields: REQUEST, endStream: false }],
      "one two three",
      true,
    ]);
    respond(second as RecordedStream, 0);
    expect(second?.closed).toEqual([undefined]);
  });

  it.each([
    ["its headers end it", [headersFrame(3, REQUEST, true)], [true], "", true],
    ["its body has not ended", [headersFrame(3, REQUEST), dataFrame(3, Buffer.from("a"))], [false], "a", false],
    ["nothing but an end came", [headersFrame(3, REQUEST), dataFrame(3, Buffer.alloc(0), true)], [false], "", true],
    [
      "trailers end it",
      [headersFrame(3, REQUEST), dataFrame(3, Buffer.from("a")), headersFrame(3, TRAILERS, true)],
      [false, true],
      "a",
      true,
    ],
  ])("is told as it came, also when %s", async (_name, frames, ends, body, didEnd) => {
    const peer = busy().raw(...frames);
    await readHalf(peer);
    const [, second] = peer.streams;
    expect([second?.headers.map(({ endStream }) => endStream), bodyOf(second), second?.didEnd]).toEqual([
      ends,
      body,
      didEnd,
    ]);
    // What follows comes as ever.
    if (!didEnd) peer.raw(dataFrame(3, Buffer.from("b"), true));
    expect(second?.didEnd).toBe(true);
    expect(peer.closed).toEqual([]);
  });

  it("ends in order when its handler answers before it has heard the end", async () => {
    const peer = busy();
    peer.onStream = (recorded) => recorded.stream?.sendHeaders({ fields: RESPONSE }, undefined, true);
    peer.raw(headersFrame(3, REQUEST), dataFrame(3, Buffer.from("all"), true), headersFrame(5, REQUEST, true));
    await readHalf(peer);
    const [, second, third] = peer.streams;
    expect([bodyOf(second), second?.didEnd, second?.closed, third?.closed]).toEqual([
      "all",
      true,
      [undefined],
      [undefined],
    ]);
    expect(peer.connection.openStreams).toBe(1);
  });

  it("is bounded by the receive windows, which are given back when it is served", async () => {
    const full = 64 * KIB;
    const peer = busy({ maxStreamWindowBytes: full }).raw(headersFrame(3, REQUEST));
    for (let sent = 0; sent < full; sent += full / 8) peer.raw(dataFrame(3, Buffer.alloc(full / 8)));
    expect(peer.frames()).toEqual([]);
    await readHalf(peer);
    expect(peer.streams[1]?.body.reduce((sum, { length }) => sum + length, 0)).toBe(full);
    expect(peer.frames()).toContainEqual(expect.objectContaining({ type: "WINDOW_UPDATE", streamId: 3 }));
    const other = busy().raw(headersFrame(3, REQUEST));
    for (let sent = 0; sent < full; sent += full / 8) other.raw(dataFrame(3, Buffer.alloc(full / 8)));
    other.raw(dataFrame(3, Buffer.alloc(1)));
    expect(other.frames()).toMatchObject([{ type: "GOAWAY", code: "FLOW_CONTROL_ERROR" }]);
  });

  it("is served first come first served, so many in a turn", async () => {
    const peer = busy({ maxStreamsPerTurn: 2 });
    for (const id of [3, 5, 7, 9]) peer.raw(headersFrame(id, REQUEST, true));
    await turn();
    await readHalf(peer);
    expect(ids(peer)).toEqual([1, 3, 5]);
    peer.raw(headersFrame(11, REQUEST, true));
    await turn();
    expect(ids(peer)).toEqual([1, 3, 5, 7, 9]);
    await turn();
    peer.raw(headersFrame(13, REQUEST, true));
    expect(ids(peer)).toEqual([1, 3, 5, 7, 9, 11, 13]);
  });

  it("waits on when the answers of those before it wait as well", async () => {
    const peer = busy();
    peer.onStream = (recorded) => respond(recorded, LIMIT / 2 + 1);
    for (const id of [3, 5, 7]) peer.raw(headersFrame(id, REQUEST, true));
    await readHalf(peer);
    expect(ids(peer)).toEqual([1, 3]);
    peer.raw(windowUpdate(1, LIMIT / 2), windowUpdate(3, 1));
    await turn();
    expect(ids(peer)).toEqual([1, 3, 5]);
    peer.raw(rst(3));
    await turn();
    expect(ids(peer), "what a reset drops has gone as well").toEqual([1, 3, 5]);
    peer.raw(rst(5));
    await turn();
    expect(ids(peer)).toEqual([1, 3, 5, 7]);
  });

  it("keeps its place among the concurrent streams", () => {
    const peer = busy({ maxConcurrentStreams: 2 });
    peer.raw(headersFrame(3, REQUEST), headersFrame(5, REQUEST));
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 5, code: "REFUSED_STREAM" }]);
    peer.raw(rst(3), headersFrame(7, REQUEST));
    expect([peer.frames(), peer.connection.openStreams]).toEqual([[], 2]);
  });

  it("is forgotten when it is reset, and nobody is told", async () => {
    const peer = busy({ connectionWindowBytes: 65_535, maxConnectionWindowBytes: 65_535 });
    peer.raw(headersFrame(3, REQUEST), headersFrame(5, REQUEST, true));
    for (let count = 0; count < 3; count++) peer.raw(dataFrame(3, Buffer.alloc(16_000)));
    peer.raw(rst(3));
    expect(peer.frames(), "its bytes are free again").toMatchObject([{ type: "WINDOW_UPDATE", streamId: 0 }]);
    await readHalf(peer);
    expect(ids(peer)).toEqual([1, 5]);
  });

  it("is forgotten when it breaks the rules", async () => {
    const peer = busy().raw(headersFrame(3, REQUEST), headersFrame(3, TRAILERS));
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 3, code: "PROTOCOL_ERROR" }]);
    await readHalf(peer);
    expect([ids(peer), peer.connection.openStreams]).toEqual([[1], 1]);
  });

  it("costs its peer a cancel when it is reset in a later read, and earns nothing", () => {
    const peer = busy({ resetBurst: 1, resetsPerSecond: 0, cancelBurst: 3, cancelsPerSecond: 0 });
    peer.raw(headersFrame(3, REQUEST), rst(3));
    for (const id of [5, 7, 9]) peer.raw(headersFrame(id, REQUEST)).raw(rst(id));
    expect(peer.limits).toEqual([]);
    peer.raw(headersFrame(11, REQUEST), rst(11));
    expect(peer.limits).toEqual(["rapid_reset"]);
  });

  it.each([
    ["the transport is gone", (peer: ScriptedPeer) => peer.connection.transportClosed(undefined)],
    ["the user closes", (peer: ScriptedPeer) => peer.connection.close(ErrorCode.NO_ERROR, "enough")],
    ["the peer breaks the rules", (peer: ScriptedPeer) => peer.raw(frame("PING", 0, 1, Buffer.alloc(8)))],
  ])("is forgotten when %s, also between two turns", async (_name, end) => {
    const peer = busy({ maxStreamsPerTurn: 2 });
    for (const id of [3, 5, 7, 9]) peer.raw(headersFrame(id, REQUEST, true));
    await turn();
    await readHalf(peer);
    end(peer);
    await turn();
    expect(ids(peer)).toEqual([1, 3, 5]);
    expect([peer.streams.map(({ closed }) => closed.length), peer.closed.length]).toEqual([[1, 1, 1], 1]);
    expect([peer.connection.openStreams, peer.clock.pendingTimers]).toEqual([0, 0]);
  });

  it("is told of the end when its handler closes the connection, and those behind it are not", async () => {
    const peer = busy();
    for (const id of [3, 5]) peer.raw(headersFrame(id, REQUEST), dataFrame(id, Buffer.from("a"), true));
    peer.onStream = () => peer.connection.close(ErrorCode.INTERNAL_ERROR, "enough");
    await readHalf(peer);
    expect([ids(peer), bodyOf(peer.streams[1])]).toEqual([[1, 3], ""]);
    expect(peer.streams[1]?.closed).toMatchObject([{ code: ErrorCode.INTERNAL_ERROR, origin: "user" }]);
  });

  it("is served by a server that is going away", async () => {
    const peer = busy().raw(headersFrame(3, REQUEST, true));
    peer.connection.drain();
    peer.raw(pingAck(peer.frames()), windowUpdate(1, LIMIT + 1));
    expect([peer.connection.openStreams, peer.closed]).toEqual([1, []]);
    await turn();
    respond(peer.streams[1] as RecordedStream, 0);
    expect([ids(peer), peer.closed]).toEqual([[1, 3], [undefined]]);
  });

  it("is served when the answer that nobody reads is given up, though the peer never lets anything go", async () => {
    const peer = busy({ stallTimeoutMs: 60_000, keepaliveTimeMs: Number.POSITIVE_INFINITY });
    peer.raw(headersFrame(3, REQUEST, true));
    await peer.clock.advance(59_999);
    expect(ids(peer)).toEqual([1]);
    await peer.clock.advance(1);
    expect([peer.limits, peer.streams[0]?.closed.length, ids(peer)]).toEqual([["stall_timeout"], 1, [1, 3]]);
  });
});
