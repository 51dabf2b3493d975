import { describe, expect, it, test } from "vitest";
import { WorkTurn } from "../base/work-turn.js";
import { http2Limits } from "../http2/limit-presets.js";
import type { HeaderFields, Http2Stream, StreamHandler } from "../http2/types.js";
import { Decompressor } from "../rpc/decompressor.js";
import { MessageRoom } from "../rpc/message-room.js";
import { createVirtualClock, type VirtualClock } from "../testing/virtual-clock.js";
import { accept } from "./accept.js";
import { createMethodTable } from "./method-table.js";
import type { CallEnvironment } from "./server-call.js";
import { echoService, note } from "./test/echo-service.js";
import { framed } from "./test/served.js";

/** Counts what a call does with its place among the streams. */
class CountedStream implements Http2Stream {
  readonly id = 1;
  held = 0;
  released = 0;
  progressed = 0;
  sent = 0;
  sendHeaders(): void {}
  sendData(): boolean {
    this.sent += 1;
    return true;
  }
  consume(): void {}
  reset(): void {}
  progress(): void {
    this.progressed += 1;
  }
  hold(): void {
    this.held += 1;
  }
  release(): void {
    this.released += 1;
  }
  get counts(): readonly [held: number, released: number] {
    return [this.held, this.released];
  }
}

interface Accepted {
  readonly stream: CountedStream;
  readonly handler: StreamHandler;
  readonly clock: VirtualClock;
}

function call(name: "Say" | "Chat", implementation: object, ...more: string[]): Accepted {
  const stream = new CountedStream();
  const clock = createVirtualClock();
  // Each message takes 1 ms.
  let nowMs = 0;
  const nextMs = (): number => nowMs++;
  const environment: CallEnvironment = {
    clock,
    readMaxBytes: 1000,
    decompressor: new Decompressor(),
    messageRoom: new MessageRoom(clock, http2Limits({})),
    prefix: new Uint8Array(5),
    turn: new WorkTurn({ ...clock, nowMs: nextMs }, 5),
    onCallStart: () => {},
    onCallEnd: () => {},
    onLimit: () => {},
  };
  const fields: HeaderFields = [
    ":method",
    "POST",
    ":path",
    `/test.Echo/${name}`,
    "content-type",
    "application/grpc",
    ...more,
  ];
  const handler = accept(stream, fields, false, createMethodTable([echoService(implementation)], []), environment);
  return { stream, handler, clock };
}

const LOST = { code: 8, origin: "remote", message: "gone", unprocessed: false } as const;

describe("the slot of a stream", () => {
  test.for<{ name: string; say: () => unknown }>([
    { name: "answers at once", say: () => note("") },
    { name: "answers later", say: () => Promise.resolve(note("")) },
    {
      name: "throws",
      say: () => {
        throw new Error("no");
      },
    },
    { name: "rejects", say: () => Promise.reject(new Error("no")) },
    {
      name: "settles twice",
      say: () => ({
        // biome-ignore lint/suspicious/noThenProperty: what a broken promise library may give.
        then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => {
          resolve(note(""));
          reject(new Error("no"));
          throw new Error("no");
        },
      }),
    },
  ])("A1: is held while a handler works that $name, and released once", async ({ say }) => {
    const { stream, handler, clock } = call("Say", { say });
    expect(stream.counts).toEqual([0, 0]);
    handler.onData(framed("a"), true);
    expect(stream.held).toBe(1);
    await clock.advance(0);
    handler.onClose(undefined);
    expect(stream.counts).toEqual([1, 1]);
  });

  test.for(["Say", "Chat"] as const)("A1: stays held after a reset until the handler of %s has ended", async (name) => {
    let answer: () => void = () => {};
    const opened = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { stream, handler, clock } = call(name, {
      say: () => opened.then(() => note("")),
      async *chat() {
        await opened;
        yield note("");
      },
    });
    handler.onData(framed("a"), true);
    handler.onClose(LOST);
    await clock.advance(0);
    expect(stream.counts).toEqual([1, 0]);
    answer();
    await clock.advance(0);
    expect(stream.counts).toEqual([1, 1]);
  });

  test.for<{ name: string; body: Uint8Array }>([
    { name: "no message", body: new Uint8Array(0) },
    { name: "a broken message", body: Uint8Array.of(0, 0, 0, 0, 1, 0xff) },
    { name: "a message cut short", body: framed("hello").subarray(0, 8) },
  ])("A1: is not held for a request that no handler gets: $name", async ({ body }) => {
    const { stream, handler } = call("Say", { say: () => note("") });
    handler.onData(body, true);
    handler.onClose(undefined);
    expect(stream.counts).toEqual([0, 0]);
  });

  it("A14: tells of progress once per message", () => {
    const { stream, handler } = call("Chat", {
      // biome-ignore lint/correctness/useYield: it answers nothing.
      async *chat(requests: AsyncIterable<object>) {
        for await (const _request of requests);
      },
    });
    const body = framed("a", "b", "c");
    for (const byte of body) handler.onData(Uint8Array.of(byte), false);
    expect(stream.progressed).toBe(3);
    handler.onClose(LOST);
  });
});

describe("the turn of a streaming handler", () => {
  it("A19: ends for one that never has to wait, and others get theirs before it goes on", async () => {
    const { stream, handler } = call("Chat", {
      async *chat() {
        for (let count = 0; count < 17; count++) yield note("");
      },
    });
    handler.onData(framed("a"), true);
    for (const sent of [7, 14, 17]) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(stream.sent).toBe(sent);
    }
    expect(stream.counts).toEqual([1, 1]);
  });

  it("A19: does not outlive the call", async () => {
    let ended = 0;
    const { stream, handler } = call("Chat", {
      async *chat() {
        try {
          for (let count = 0; count < 100; count++) yield note("");
        } finally {
          ended += 1;
        }
      },
    });
    handler.onData(framed("a"), true);
    await new Promise((resolve) => setImmediate(resolve));
    handler.onClose(LOST);
    await new Promise((resolve) => setImmediate(resolve));
    expect([stream.sent, ended, stream.counts]).toEqual([7, 1, [1, 1]]);
  });
});
