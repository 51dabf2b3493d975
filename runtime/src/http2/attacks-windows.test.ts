import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameFlag } from "./frame.js";
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
  settingsFrame,
  uint32,
} from "./test/scripted-peer.js";
import { ErrorCode } from "./types.js";

const LARGEST = 0x7fff_ffff;
const INITIAL_WINDOW_SIZE = 4;

function bodyBytes(frames: readonly SentFrame[], streamId: number): number {
  return frames
    .filter((sent) => sent.type === "DATA" && sent.streamId === streamId)
    .reduce((sum, { payload }) => sum + payload.length, 0);
}

function initialWindow(byteCount: number): Buffer {
  return settingsFrame([[INITIAL_WINDOW_SIZE, byteCount]]);
}

function windowUpdate(streamId: number, byteCount: number): Buffer {
  return frame("WINDOW_UPDATE", 0, streamId, uint32(byteCount));
}

/** What WINDOW_UPDATE frames gave a stream, or the connection. */
function granted(frames: readonly SentFrame[], streamId: number): number {
  return frames
    .filter((sent) => sent.type === "WINDOW_UPDATE" && sent.streamId === streamId)
    .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
}

function received(stream: RecordedStream | undefined): number {
  return (stream?.body ?? []).reduce((sum, { length }) => sum + length, 0);
}

/** A server with streams whose headers went out. */
function answering(window: number, ids: readonly number[], options: Http2Options = {}): ScriptedPeer {
  const peer = new ScriptedPeer("server", options).handshake([[INITIAL_WINDOW_SIZE, window]]);
  for (const id of ids) peer.raw(headersFrame(id, REQUEST, true));
  for (const { stream } of peer.streams) stream?.sendHeaders({ fields: RESPONSE }, undefined, false);
  peer.frames();
  return peer;
}

function odd(count: number): number[] {
  return Array.from({ length: count }, (_, index) => 2 * index + 1);
}

describe("A10: INITIAL_WINDOW_SIZE that changes again and again", () => {
  it("moves the window of every stream there is, up and down, and loses no byte", () => {
    const ids = odd(200);
    const peer = answering(0, ids);
    for (const { stream } of peer.streams) stream?.sendData(Buffer.alloc(100), true);
    for (const window of [10, 0, 30, 5, 29, 30]) peer.raw(initialWindow(window));
    let frames = peer.frames();
    for (const id of ids) expect(bodyBytes(frames, id)).toBe(30);
    peer.raw(windowUpdate(7, 20), initialWindow(100));
    frames = peer.frames();
    for (const id of ids) expect(bodyBytes(frames, id)).toBe(70);
    expect(peer.streams.every(({ closed }) => closed.length === 1 && closed[0] === undefined)).toBe(true);
  });

  it("may make a window negative, which it must be lifted from (RFC 9113 section 6.9.2)", () => {
    const peer = answering(1000, [1]);
    peer.streams[0]?.stream?.sendData(Buffer.alloc(1500), true);
    peer.frames();
    peer.raw(initialWindow(0), windowUpdate(1, 999), windowUpdate(1, 1));
    expect(bodyBytes(peer.frames(), 1), "from -1000 to 0").toBe(0);
    peer.raw(initialWindow(200));
    expect(bodyBytes(peer.frames(), 1)).toBe(200);
    peer.raw(initialWindow(100), windowUpdate(1, 150));
    expect(bodyBytes(peer.frames(), 1), "from -100 to 50").toBe(50);
  });

  it.each([
    ["by one byte", LARGEST - 65_535, 65_536, ["GOAWAY FLOW_CONTROL_ERROR"]],
    ["not at all", LARGEST - 65_535, 65_535, ["SETTINGS"]],
  ])("may put a stream's window above 2^31-1 %s", (_name, increment, window, expected) => {
    const peer = answering(65_535, [1, 3]).raw(windowUpdate(3, increment), initialWindow(window));
    expect(peer.frames().map(({ type, code }) => (code === undefined ? type : `${type} ${code}`))).toEqual(expected);
    expect(peer.closed).toHaveLength(expected[0] === "SETTINGS" ? 0 : 1);
  });

  it("is measured by streams that are open, not by those that were", () => {
    const peer = answering(1000, [1, 3]).raw(windowUpdate(3, LARGEST - 1000));
    peer.streams[1]?.stream?.reset(ErrorCode.CANCEL);
    for (const window of [LARGEST, 0, LARGEST]) peer.raw(initialWindow(window));
    expect(peer.closed).toEqual([]);
    peer.frames();
    peer.raw(windowUpdate(1, 1));
    expect(peer.frames()).toMatchObject([{ type: "RST_STREAM", streamId: 1, code: "FLOW_CONTROL_ERROR" }]);
  });

  it("leaves room that a stream has used", () => {
    const peer = answering(1000, [1]);
    peer.streams[0]?.stream?.sendData(Buffer.alloc(1000), false);
    peer.raw(windowUpdate(1, LARGEST - 1000), initialWindow(2000));
    expect(peer.closed).toEqual([]);
    peer.raw(initialWindow(2001));
    expect(peer.closed).toMatchObject([{ code: ErrorCode.FLOW_CONTROL_ERROR }]);
  });
});

describe("A16: WINDOW_UPDATE frames", () => {
  it.each([
    ["nothing was opened or sent", 0, 0, 5],
    ["3 streams were opened", 3, 0, 11],
    ["3 streams were opened and 2 DATA frames sent", 3, 2, 51],
  ])("are limited to 5 + 2 x (streams + 10 x DATA frames): %s", (_name, streams, dataFrames, most) => {
    const peer = answering(65_535, odd(streams));
    for (let count = 0; count < dataFrames; count++) peer.streams[0]?.stream?.sendData(Buffer.alloc(1), false);
    for (let count = 0; count < most; count++) peer.raw(windowUpdate(count % 2 === 0 ? 0 : Math.min(streams, 1), 1));
    expect([peer.limits, peer.closed]).toEqual([[], []]);
    peer.raw(windowUpdate(0, 1));
    expect(peer.limits).toEqual(["window_updates"]);
    expect(peer.closed).toMatchObject([{ code: ErrorCode.ENHANCE_YOUR_CALM, origin: "library" }]);
  });

  it("count on streams that are gone as well", () => {
    const peer = answering(65_535, [1]);
    peer.streams[0]?.stream?.sendData(Buffer.alloc(0), true);
    for (let count = 0; count < 27; count++) peer.raw(windowUpdate(1, 1));
    expect(peer.limits).toEqual([]);
    peer.raw(windowUpdate(1, 1));
    expect(peer.limits).toEqual(["window_updates"]);
  });
});

describe("A17: what is given back", () => {
  const connectionWindowBytes = 70_000;
  const step = fc.record({
    id: fc.constantFrom(1, 3, 5, 7),
    data: fc.nat(9000),
    padding: fc.option(fc.nat(255), { nil: -1 }),
    consume: fc.nat(12_000),
    action: fc.constantFrom("none", "none", "none", "none", "reset", "peer reset", "peer end", "end", "ack"),
  });
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

  /** Does the steps; checks after each that what was given back is what was used or freed, and never more. */
  function run(steps: readonly Step[], options: Http2Options, most: number): void {
    const peer = new ScriptedPeer("server", { connectionWindowBytes, ...options }).handshake();
    peer.onStream = (recorded) => {
      recorded.consumes = false;
    };
    const ids = [1, 3, 5, 7];
    for (const id of ids) peer.raw(headersFrame(id, REQUEST));
    /** Body bytes that a stream's user has not consumed. Gone with the stream. */
    const unread = new Map(ids.map((id) => [id, 0]));
    /** Streams that the peer may send on. */
    const sendable = new Set(ids);
    const offsets = new Map(ids.map((id) => [id, 0]));
    let [sent, free, refunded, grown, streamWindow] = [0, 0, 0, 0, 65_536];
    let pings: SentFrame[] = [];
    for (const { id, data, padding, consume, action } of steps) {
      const recorded = peer.streams[ids.indexOf(id)];
      const frameBytes = data + (padding < 0 ? 0 : 1 + padding);
      const offset = offsets.get(id) ?? 0;
      const available = connectionWindowBytes + refunded + grown - sent;
      if (data > 0 && sendable.has(id) && frameBytes <= Math.min(available, streamWindow + offset)) {
        const payload = Buffer.alloc(frameBytes);
        if (padding >= 0) payload[0] = padding;
        peer.raw(frame("DATA", padding < 0 ? 0 : FrameFlag.PADDED, id, payload));
        sent += frameBytes;
        offsets.set(id, offset - frameBytes);
        const delivered = unread.has(id) ? data : 0;
        if (unread.has(id)) unread.set(id, (unread.get(id) ?? 0) + delivered);
        free += frameBytes - delivered;
      }
      const taken = Math.min(consume, unread.get(id) ?? 0);
      free += taken;
      if (unread.has(id)) unread.set(id, (unread.get(id) ?? 0) - taken);
      recorded?.stream?.consume(consume);
      if (action === "reset") recorded?.stream?.reset(ErrorCode.CANCEL);
      if (action === "end") recorded?.stream?.sendHeaders({ fields: RESPONSE }, undefined, true);
      if (action.startsWith("peer") && sendable.has(id) && unread.has(id)) {
        peer.raw(action === "peer end" ? dataFrame(id, Buffer.alloc(0), true) : frame("RST_STREAM", 0, id, uint32(8)));
        sendable.delete(id);
      }
      if (action === "reset" || recorded?.closed.length === 1) {
        free += unread.get(id) ?? 0;
        unread.delete(id);
      }
      const frames = peer.frames();
      pings.push(...frames.filter(({ type }) => type === "PING"));
      refunded += granted(frames, 0);
      for (const each of ids) offsets.set(each, (offsets.get(each) ?? 0) + granted(frames, each));
      if (action === "ack" && pings.length > 0) {
        peer.raw(pingAck(pings));
        pings = [];
        const answer = peer.frames();
        grown += granted(answer, 0);
        streamWindow = answer.find(({ type }) => type === "SETTINGS")?.payload.readUInt32BE(2) ?? streamWindow;
      }
      expect(peer.closed, "a peer that kept to the windows").toEqual([]);
      expect(refunded, "no byte twice").toBeLessThanOrEqual(free);
      expect(free - refunded, "kept until it is worth a frame").toBeLessThan(most / 2);
      expect(free, "no byte that did not come").toBeLessThanOrEqual(sent);
      expect(connectionWindowBytes + grown).toBeLessThanOrEqual(most);
    }
  }

  it("is what was consumed, or freed by the end of a stream, once, and never more", () => {
    const options = { maxConnectionWindowBytes: connectionWindowBytes, maxStreamWindowBytes: 65_536 };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) =>
        run(steps, options, connectionWindowBytes),
      ),
    );
  });

  it("is as much and, where a measurement made the window grow, the growth, up to its bound", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) =>
        run(steps, { maxConnectionWindowBytes: 100_000 }, 100_000),
      ),
    );
  });
});

describe("A20: DATA that arrives in parts", () => {
  const BODY_BYTES = 16_384;

  it("is handed over as it comes, counted once, and nobody's after a reset in the middle", () => {
    const peer = new ScriptedPeer("server").handshake();
    peer.raw(headersFrame(1, REQUEST)).raw(headersFrame(3, REQUEST));
    const [first, second] = peer.streams;
    const bytes = dataFrame(1, Buffer.alloc(BODY_BYTES, 7), false);
    peer.raw(bytes.subarray(0, 9 + 1000));
    expect(received(first)).toBe(1000);
    first?.stream?.reset(ErrorCode.CANCEL);
    peer.raw(bytes.subarray(9 + 1000)).raw(dataFrame(3, Buffer.from("next"), true));
    expect(received(first)).toBe(1000);
    expect(String(Buffer.concat(second?.body ?? []))).toBe("next");
    // Half of the connection's window in frames that were cut off: it is given back, and never more than was sent.
    for (let id = 5, sent = BODY_BYTES; sent < 600_000; id += 2, sent += BODY_BYTES) {
      const cut = dataFrame(id, Buffer.alloc(BODY_BYTES), false);
      peer.raw(headersFrame(id, REQUEST)).raw(cut.subarray(0, 5000));
      peer.streams.at(-1)?.stream?.reset(ErrorCode.CANCEL);
      peer.raw(cut.subarray(5000));
    }
    const returned = granted(peer.frames(), 0);
    expect(returned).toBeGreaterThan(500_000);
    expect(returned).toBeLessThanOrEqual(600_000 + BODY_BYTES);
  });

  it("ends its stream with the last part only", () => {
    const peer = new ScriptedPeer("server").handshake();
    peer.raw(headersFrame(1, REQUEST));
    const bytes = dataFrame(1, Buffer.from("hello"), true);
    for (const byte of bytes) {
      expect(peer.streams[0]?.didEnd).toBe(false);
      peer.raw(Buffer.of(byte));
    }
    expect(peer.streams[0]?.didEnd).toBe(true);
    expect(String(Buffer.concat(peer.streams[0]?.body ?? []))).toBe("hello");
  });
});
