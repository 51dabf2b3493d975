import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { afterEach, describe, expect, it } from "vitest";
import { ErrorCode } from "../http2/types.js";
import { note, textOf } from "./test/echo-service.js";
import { framed, NOTHING_LEFT, Served, statusOf } from "./test/served.js";

const CHAT = { ":path": "/test.Echo/Chat" };
const WATCH = { ":path": "/test.Echo/Watch" };

let served: Served | undefined;

afterEach(async () => {
  expect(await served?.stop()).toEqual(NOTHING_LEFT);
});

async function serve(implementation: object): Promise<Served> {
  served = await new Served(implementation).start();
  return served;
}

async function* echo(requests: AsyncIterable<object>): AsyncIterable<object> {
  for await (const request of requests) yield note(`${textOf(request)}!`);
}

describe("StreamServerCall", () => {
  it("answers while requests still come", async () => {
    const running = await serve({ chat: echo });
    const answer = await running.send({ headers: CHAT, body: framed("a"), endStream: false });
    expect(Buffer.concat(answer.body)).toEqual(Buffer.from(framed("a!")));
    await running.more(answer, framed("b", "c"), true);
    expect(Buffer.concat(answer.body)).toEqual(Buffer.from(framed("a!", "b!", "c!")));
    expect(statusOf(answer)).toEqual({ code: "0", message: undefined });
  });

  it("ends a call without requests in order", async () => {
    const running = await serve({ chat: echo });
    expect(statusOf(await running.send({ headers: CHAT }))).toEqual({ code: "0", message: undefined });
  });

  it("sends what came before an error, then its status", async () => {
    const running = await serve({
      async *watch() {
        yield note("one");
        throw new ConnectError("enough", Code.OutOfRange);
      },
    });
    const answer = await running.send({ headers: WATCH, body: framed("") });
    expect(Buffer.concat(answer.body)).toEqual(Buffer.from(framed("one")));
    expect(statusOf(answer)).toEqual({ code: "11", message: "enough" });
  });

  it("turns an error that a handler throws before its first message into a status", async () => {
    const running = await serve({
      watch: () => {
        throw new Error("secret");
      },
    });
    expect(statusOf(await running.send({ headers: WATCH, body: framed("") }))).toEqual({
      code: "2",
      message: "internal error",
    });
  });

  it("closes the handler's generator and its requests when the client cancels", async () => {
    const seen: string[] = [];
    let context: HandlerContext | undefined;
    const running = await serve({
      async *chat(requests: AsyncIterable<object>, of: HandlerContext) {
        context = of;
        try {
          yield* echo(requests);
        } catch (error) {
          seen.push(`${ConnectError.from(error).code}`);
          throw error;
        } finally {
          seen.push("closed");
        }
      },
    });
    const answer = await running.send({ headers: CHAT, body: framed("a"), endStream: false });
    await running.reset(answer, ErrorCode.CANCEL);
    expect(seen).toEqual([String(Code.Canceled), "closed"]);
    expect(context?.signal.reason).toMatchObject({ code: Code.Canceled });
    expect(running.server.activeCalls).toBe(0);
  });

  it("returns a generator that is about to send when the client cancels", async () => {
    let wasClosed = false;
    let yields = 0;
    let go = (): void => {};
    const running = await serve({
      async *watch() {
        try {
          while (true) {
            await new Promise<void>((resolve) => {
              go = resolve;
            });
            yields += 1;
            yield note("tick");
          }
        } finally {
          wasClosed = true;
        }
      },
    });
    const answer = await running.send({ headers: WATCH, body: framed("") });
    go();
    await running.clock.advance(0);
    await running.reset(answer, ErrorCode.CANCEL);
    expect(wasClosed).toBe(false);
    go();
    await running.clock.advance(0);
    expect([wasClosed, yields, answer.body.length]).toEqual([true, 2, 1]);
  });

  it("returns a generator that waits for a slow client when that client cancels", async () => {
    let wasClosed = false;
    let sent = 0;
    const running = await serve({
      async *watch() {
        try {
          for (; sent < 1000; sent += 1) yield note("x".repeat(64 * 1024));
        } finally {
          wasClosed = true;
        }
      },
    });
    const answer = await running.send({ headers: WATCH, body: framed(""), consumes: false });
    await running.clock.advance(0);
    const before = sent;
    await running.clock.advance(0);
    // What the client's window and the buffers on the way hold, and no more.
    expect([before, sent]).toEqual([sent, before]);
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(100);
    await running.reset(answer, ErrorCode.CANCEL);
    expect(wasClosed).toBe(true);
  });

  it("ends at the deadline, whatever its handler does", async () => {
    let wasClosed = false;
    const running = await serve({
      async *chat(requests: AsyncIterable<object>) {
        try {
          yield* echo(requests);
        } finally {
          wasClosed = true;
        }
      },
    });
    const headers = { ...CHAT, "grpc-timeout": "10m" };
    const answer = await running.send({ headers, body: framed("a"), endStream: false });
    await running.clock.advance(10);
    expect(statusOf(answer)).toEqual({ code: "4", message: "the operation timed out" });
    expect(wasClosed).toBe(true);
    await running.reset(answer, ErrorCode.CANCEL);
  });

  it("lets a handler answer before it read every request", async () => {
    const running = await serve({
      async *chat(requests: AsyncIterable<object>) {
        for await (const request of requests) {
          yield request;
          return;
        }
      },
    });
    const answer = await running.send({ headers: CHAT, body: framed("a", "b"), endStream: false });
    expect(statusOf(answer)).toEqual({ code: "0", message: undefined });
    await running.more(answer, framed("c"), true);
    expect(Buffer.concat(answer.body)).toEqual(Buffer.from(framed("a")));
  });

  it("fails the handler's requests when one of them is broken", async () => {
    const seen: string[] = [];
    const running = await serve({
      async *chat(requests: AsyncIterable<object>) {
        try {
          yield* echo(requests);
        } catch (error) {
          seen.push(ConnectError.from(error).rawMessage);
        }
      },
    });
    const answer = await running.send({ headers: CHAT, body: framed("a").subarray(0, 3) });
    expect(statusOf(answer)).toEqual({ code: "13", message: "the request message ended early" });
    expect(seen).toEqual(["the request message ended early"]);
  });
});
