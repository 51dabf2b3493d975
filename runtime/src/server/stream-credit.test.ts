import { afterEach, describe, expect, it } from "vitest";
import { ErrorCode } from "../http2/types.js";
import { note, textOf } from "./test/echo-service.js";
import { framed, NOTHING_LEFT, Served, statusOf } from "./test/served.js";

const CHAT = { ":path": "/test.Echo/Chat" };
const WINDOW_BYTES = 64 * 1024;
// More than the window and what the client's side queues before it asks its user to wait.
const SENT_BYTES = 1024 * 1024;

let served: Served | undefined;

afterEach(async () => {
  expect(await served?.stop()).toEqual(NOTHING_LEFT);
});

async function serve(chat: (requests: AsyncIterable<object>) => AsyncIterable<object>): Promise<Served> {
  served = await new Served({ chat }, { http2: { initialStreamWindowBytes: WINDOW_BYTES } }).start();
  return served;
}

describe("the credit of a stream of requests", () => {
  it("holds back a client whose messages nobody takes, even when they are empty (B1)", async () => {
    let go: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    let taken = 0;
    const running = await serve(async function* (requests) {
      await gate;
      for await (const _request of requests) taken += 1;
      yield note("done");
    });
    const empties = Math.ceil(SENT_BYTES / 5);
    const answer = await running.send({ headers: CHAT, body: new Uint8Array(empties * 5) });
    expect(answer.writable).toBe(0);
    go();
    for (let turn = 0; turn < 10 && !answer.didEnd; turn += 1) await running.clock.advance(0);
    expect(taken).toBe(empties);
    expect(answer.writable).toBe(1);
    expect(statusOf(answer)).toEqual({ code: "0", message: undefined });
  });

  it("does not block a client whose handler left its requests and still answers", async () => {
    let end: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      end = resolve;
    });
    const running = await serve(async function* (requests) {
      for await (const request of requests) {
        yield note(textOf(request));
        break;
      }
      await gate;
      yield note("bye");
    });
    const body = framed("first", ...Array.from({ length: SENT_BYTES / 1024 }, () => "x".repeat(1024)));
    const answer = await running.send({ headers: CHAT, body, endStream: false });
    expect(answer.writable).toBe(1);
    end();
    await running.clock.advance(0);
    expect(Buffer.concat(answer.body)).toEqual(Buffer.from(framed("first", "bye")));
    expect(statusOf(answer)).toEqual({ code: "0", message: undefined });
    await running.reset(answer, ErrorCode.CANCEL);
  });

  it("does not wake a handler that waits for a client that left", async () => {
    let go: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    let made = 0;
    const running = await serve(async function* () {
      await gate;
      for (; made < 1000; made += 1) yield note("x".repeat(WINDOW_BYTES));
    });
    const answer = await running.send({ headers: CHAT, endStream: false, body: framed("a") });
    answer.consumes = false;
    go();
    for (let turn = 0; turn < 10; turn += 1) await running.clock.advance(0);
    const before = made;
    expect(before).toBeLessThan(1000);
    await running.reset(answer, ErrorCode.CANCEL);
    expect(made).toBe(before);
  });
});
