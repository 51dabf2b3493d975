import { expect, it } from "vitest";
import { createVirtualClock } from "../testing/virtual-clock.js";
import { createHttp2Connection } from "./connection.js";
import { CLIENT_PREFACE } from "./frame.js";
import { frame, headersFrame, REQUEST, RESPONSE, settingsFrame, uint32 } from "./test/scripted-peer.js";
import type { Http2Stream } from "./types.js";

const CHUNK_BYTES = 100_000;
const ROUNDS = 100;

/** A server that sends without end to a peer with open windows, whose socket takes all at once, 1 ms each time. */
function endless(maxTurnMs: number): { takeAll(): number } {
  let nowMs = 0;
  let hasOutput = false;
  let stream: Http2Stream | undefined;
  const send = (): void => {
    while (stream?.sendData(Buffer.alloc(CHUNK_BYTES), false) === true);
  };
  const connection = createHttp2Connection({
    role: "server",
    clock: { ...createVirtualClock(), nowMs: () => nowMs },
    rng: () => 0.5,
    options: { maxTurnMs },
    handler: {
      onOutput: () => {
        hasOutput = true;
      },
      onStream: (opened) => {
        stream = opened;
        return { onHeaders() {}, onData() {}, onWritable: send, onClose() {} };
      },
      onCapacity() {},
      onClose() {},
    },
  });
  connection.receive(
    Buffer.concat([
      CLIENT_PREFACE,
      settingsFrame([[4, 0x7fff_ffff]]),
      frame("WINDOW_UPDATE", 0, 0, uint32(0x7000_0000)),
      headersFrame(1, REQUEST, true),
    ]),
  );
  stream?.sendHeaders({ fields: RESPONSE }, undefined, false);
  send();
  return {
    /** How often there was something to take, and not more than {@link ROUNDS} times. */
    takeAll() {
      let rounds = 0;
      for (; hasOutput && rounds < ROUNDS; rounds++) {
        hasOutput = false;
        connection.takeOutput(() => {});
        nowMs += 1;
      }
      return rounds;
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("A19: a peer that takes all that is sent gives way to others, and then goes on", async () => {
  const { takeAll } = endless(5);
  expect(takeAll()).toBe(7);
  expect(takeAll()).toBe(0);
  await turn();
  expect(takeAll()).toBe(7);
  await turn();
  expect(takeAll()).toBe(7);
});

it("A19: what a socket takes once in a turn is filled again, however late", async () => {
  const { takeAll } = endless(0);
  for (let count = 0; count < 20; count++) {
    expect(takeAll()).toBeGreaterThan(0);
    await turn();
  }
});

it("A19: a peer may have all turns when that is wanted", () => {
  expect(endless(Number.POSITIVE_INFINITY).takeAll()).toBe(ROUNDS);
});
