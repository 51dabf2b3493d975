import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { connectionPair } from "./test/connection-pair.js";
import {
  frame,
  goAwayFrame,
  headersFrame,
  pingAck,
  REQUEST,
  RESPONSE,
  ScriptedPeer,
  uint32,
} from "./test/scripted-peer.js";
import { ErrorCode } from "./types.js";

const response = { fields: RESPONSE };
const trailers = { fields: ["grpc-status", "0"] };
const noise = (byteCount: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: byteCount }, (_, at) => at * 7 + (at >> 8)));

/** Answers every request with a body of `byteCount` bytes in pieces, then trailers. */
function answer(recorded: ScriptedPeer["streams"][number], body: Buffer, pieceBytes: number): void {
  recorded.stream?.sendHeaders(response, ["x-request", "1"], false);
  for (let at = 0; at < body.length; at += pieceBytes) {
    recorded.stream?.sendData(body.subarray(at, at + pieceBytes), false, Buffer.of(0, 0, 0, 0, 9));
  }
  recorded.stream?.sendHeaders(trailers, ["x-trailer", "2"], true);
}

describe("two connections back to back", () => {
  it("exchange requests, bodies and trailers however the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 700 }),
        fc.integer({ min: 1, max: 300 }),
        (sizes, bodyBytes, pieceBytes) => {
          let turn = 0;
          const cut = (bytes: Buffer): Buffer[] => {
            const pieces: Buffer[] = [];
            for (let at = 0; at < bytes.length; ) {
              const size = sizes[turn++ % sizes.length] as number;
              pieces.push(bytes.subarray(at, at + size));
              at += size;
            }
            return pieces;
          };
          const body = noise(bodyBytes);
          const { client, server, open, pump, requests } = connectionPair({
            cut,
            onRequest: (recorded) => answer(recorded, body, pieceBytes),
          });
          const streams = [open(), open()];
          for (const { stream } of streams) stream?.sendData(body, true);
          pump();
          const pieces: Buffer[] = [];
          for (let at = 0; at < bodyBytes; at += pieceBytes) {
            pieces.push(Buffer.of(0, 0, 0, 0, 9), body.subarray(at, at + pieceBytes));
          }
          for (const [index, stream] of streams.entries()) {
            expect(requests[index]?.headers).toEqual([{ fields: REQUEST, endStream: false }]);
            expect(Buffer.concat(requests[index]?.body ?? [])).toEqual(body);
            expect(Buffer.concat(stream.body)).toEqual(Buffer.concat(pieces));
            expect(stream.headers).toEqual([
              { fields: [...RESPONSE, "x-request", "1"], endStream: false },
              { fields: ["grpc-status", "0", "x-trailer", "2"], endStream: true },
            ]);
            expect([stream.closed, requests[index]?.closed]).toEqual([[undefined], [undefined]]);
          }
          expect([client.connection.openStreams, server.connection.openStreams]).toEqual([0, 0]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("understand each other a byte at a time", () => {
    const cut = (bytes: Buffer): Buffer[] => Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
    const { open, pump } = connectionPair({ cut, onRequest: (recorded) => answer(recorded, noise(500), 500) });
    const stream = open(REQUEST, true);
    pump();
    expect(Buffer.concat(stream.body)).toHaveLength(505);
    expect(stream.closed).toEqual([undefined]);
  });

  it("carry large bodies over small windows, both ways at once", () => {
    const options = { initialStreamWindowBytes: 1000, connectionWindowBytes: 65_535 };
    const body = noise(300_000);
    const pair = connectionPair({
      client: options,
      server: options,
      onRequest: ({ stream }) => {
        stream?.sendHeaders(response, undefined, false);
        stream?.sendData(body, true);
      },
    });
    const streams = [pair.open(), pair.open(), pair.open()];
    for (const { stream } of streams) stream?.sendData(body, true);
    pair.pump();
    for (const { body: received, closed } of [...streams, ...pair.requests]) {
      expect(Buffer.concat(received).equals(body)).toBe(true);
      expect(closed).toEqual([undefined]);
    }
  });

  it("carry header blocks that need CONTINUATION (RFC 9113 section 6.10)", () => {
    const options = { maxHeaderListBytes: 200_000 };
    const { open, pump, requests } = connectionPair({ client: options, server: options });
    const large = [...REQUEST, "x-large", "\xff".repeat(60_000), "x-other", "b".repeat(20_000)];
    for (let round = 0; round < 2; round++) open(large, true);
    pump();
    expect(requests.map(({ headers }) => headers[0]?.fields)).toEqual([large, large]);
  });

  it("refuse one header list that is too large and go on with the next", () => {
    const { open, pump, requests, server } = connectionPair({ server: { maxHeaderListBytes: 1000 } });
    const refused = open([...REQUEST, "x-large", "b".repeat(1500)], true);
    const accepted = open(REQUEST, true);
    pump();
    expect(refused.closed).toMatchObject([{ code: ErrorCode.ENHANCE_YOUR_CALM }]);
    expect([requests.length, accepted.closed, server.closed]).toEqual([1, [], []]);
  });

  it("end a stream on both sides when either resets it", () => {
    const { open, pump, requests } = connectionPair({});
    const [first, second] = [open(), open()];
    pump();
    first.stream?.reset(ErrorCode.CANCEL);
    requests[1]?.stream?.reset(ErrorCode.REFUSED_STREAM);
    pump();
    expect(requests[0]?.closed).toMatchObject([{ code: ErrorCode.CANCEL, origin: "remote", unprocessed: false }]);
    expect(second.closed).toMatchObject([{ code: ErrorCode.REFUSED_STREAM, unprocessed: true }]);
    expect([first.closed, requests[1]?.closed]).toEqual([[], []]);
  });

  it("keep the connection's window when streams are reset with bodies that nobody consumed", () => {
    const pair = connectionPair({
      server: { initialStreamWindowBytes: 65_535, crowdedStreamWindowBytes: 65_535, connectionWindowBytes: 65_535 },
      onRequest: (recorded) => {
        recorded.consumes = false;
      },
    });
    for (let round = 0; round < 10; round++) {
      const stream = pair.open();
      stream.stream?.sendData(noise(60_000), false);
      pair.pump();
      expect(Buffer.concat(pair.requests.at(-1)?.body ?? [])).toHaveLength(60_000);
      if (round % 2 === 0) stream.stream?.reset(ErrorCode.CANCEL);
      else pair.requests.at(-1)?.stream?.reset(ErrorCode.CANCEL);
      pair.pump();
    }
  });

  it("let a server drain: what was on its way is served, then both connections end without error", () => {
    const { client, server, open, pump, requests } = connectionPair({});
    open(REQUEST, true);
    pump();
    const late = open(REQUEST, true);
    server.connection.drain();
    pump();
    expect(requests).toHaveLength(2);
    expect(client.connection.canOpenStream).toBe(false);
    expect([client.closed, server.closed]).toEqual([[], []]);
    for (const { stream } of requests) stream?.sendHeaders(response, undefined, true);
    pump();
    expect(late.closed).toEqual([undefined]);
    expect([client.closed, server.closed]).toEqual([[undefined], [undefined]]);
  });
});

describe("a connection", () => {
  it("shares its window over many small grants: a stream that had its turn goes to the back of the line", () => {
    const peer = new ScriptedPeer("server").handshake([[4, 1_000_000]]);
    for (const id of [1, 3, 5]) peer.raw(headersFrame(id, REQUEST, true));
    for (const { stream } of peer.streams) stream?.sendHeaders(response, undefined, false);
    peer.streams[0]?.stream?.sendData(Buffer.alloc(65_535 + 50_000), true);
    for (const { stream } of peer.streams.slice(1)) stream?.sendData(Buffer.alloc(50_000), true);
    peer.frames();
    const order: number[] = [];
    for (let grant = 0; grant < 6; grant++) {
      peer.raw(frame("WINDOW_UPDATE", 0, 0, uint32(1000)));
      for (const sent of peer.frames()) order.push(sent.streamId);
    }
    expect([...order].sort()).toEqual([1, 1, 3, 3, 5, 5]);
  });

  it("never raises the last stream id of its GOAWAYs (RFC 9113 section 6.8)", () => {
    const peer = new ScriptedPeer("server").handshake().raw(headersFrame(1, REQUEST));
    peer.connection.drain();
    peer.raw(pingAck(peer.frames()), headersFrame(7, REQUEST));
    peer.connection.close(ErrorCode.NO_ERROR, "stop");
    const lastIds = peer
      .frames()
      .filter(({ type }) => type === "GOAWAY")
      .map(({ payload }) => payload.readUInt32BE(0));
    expect(lastIds).toEqual([1, 1]);
  });

  it("tells no stream of its end twice when a handler closes the connection while GOAWAY is read", () => {
    const peer = new ScriptedPeer("client").handshake();
    const [first, second] = [peer.open(), peer.open()];
    first.onClose = (error) => {
      first.closed.push(error);
      peer.connection.close(ErrorCode.NO_ERROR, "enough");
    };
    peer.raw(goAwayFrame(0, ErrorCode.NO_ERROR));
    expect([first.closed.length, second.closed.length, peer.closed.length]).toEqual([1, 1, 1]);
  });

  it("spares a stream that a handler reset while GOAWAY is read", () => {
    const peer = new ScriptedPeer("client").handshake();
    const [first, second] = [peer.open(), peer.open()];
    first.onClose = () => second.stream?.reset(ErrorCode.CANCEL);
    peer.raw(goAwayFrame(0, ErrorCode.NO_ERROR));
    expect(second.closed).toEqual([]);
  });

  it("does not reset an idle stream for a PRIORITY of the wrong size (RFC 9113 section 6.4)", () => {
    const peer = new ScriptedPeer("server").handshake().raw(frame("PRIORITY", 0, 1, Buffer.alloc(4)));
    expect(peer.frames()).toMatchObject([{ type: "GOAWAY", code: "FRAME_SIZE_ERROR" }]);
  });

  it("ends open streams with CONNECT_ERROR when the transport goes, and idle ones in order", () => {
    const { client, server, open, pump } = connectionPair({});
    const stream = open();
    pump();
    client.connection.transportClosed(new Error("reset by peer"));
    server.connection.transportClosed(undefined);
    expect(stream.closed).toMatchObject([{ code: ErrorCode.CONNECT_ERROR, message: "connection lost: reset by peer" }]);
    expect(server.closed).toMatchObject([{ code: ErrorCode.CONNECT_ERROR }]);
    const idle = connectionPair({});
    idle.client.connection.transportClosed(undefined);
    expect(idle.client.closed).toEqual([undefined]);
  });

  it("goes on sending a request whose response is already complete", () => {
    const pair = connectionPair({ server: { initialStreamWindowBytes: 65_535 } });
    const stream = pair.open();
    pair.pump();
    pair.requests[0]?.stream?.sendHeaders(response, undefined, true);
    pair.pump();
    expect([stream.didEnd, stream.closed]).toEqual([true, []]);
    stream.stream?.sendData(noise(200_000), true);
    pair.pump();
    expect(Buffer.concat(pair.requests[0]?.body ?? [])).toHaveLength(200_000);
    expect([stream.closed, pair.requests[0]?.closed]).toEqual([[undefined], [undefined]]);
  });

  it("takes nothing of a stream that is over", () => {
    const { open, pump, requests } = connectionPair({});
    const stream = open(REQUEST, true);
    pump();
    requests[0]?.stream?.sendHeaders(response, undefined, true);
    pump();
    expect(stream.stream?.sendData(noise(10), true)).toBe(true);
    stream.stream?.consume(1000);
    stream.stream?.reset(ErrorCode.CANCEL);
    requests[0]?.stream?.sendHeaders(trailers, undefined, true);
    pump();
    expect([stream.closed, requests[0]?.closed]).toEqual([[undefined], [undefined]]);
  });
});
