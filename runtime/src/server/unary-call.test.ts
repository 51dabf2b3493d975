import { gzipSync } from "node:zlib";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { afterEach, describe, expect, it, test } from "vitest";
import { ErrorCode } from "../http2/types.js";
import { note, textOf } from "./test/echo-service.js";
import { framed, head, NOTHING_LEFT, Served, statusOf, trailer } from "./test/served.js";

let served: Served | undefined;

afterEach(async () => {
  expect(await served?.stop()).toEqual(NOTHING_LEFT);
});

type Say = (request: object, context: HandlerContext) => unknown;

async function serve(say: Say, options: ConstructorParameters<typeof Served>[1] = {}): Promise<Served> {
  served = await new Served({ say }, options).start();
  return served;
}

/** A handler that waits until it is told to answer. */
function held() {
  const state: { context?: HandlerContext; answer: (text: string) => void } = { answer: () => {} };
  const say: Say = (_request, context) => {
    state.context = context;
    return new Promise((resolve) => {
      state.answer = (text) => resolve(note(text));
    });
  };
  return { state, say };
}

describe("UnaryServerCall", () => {
  test.for<{ readonly name: string; readonly say: Say }>([
    { name: "at once", say: (request) => note(`${textOf(request)}!`) },
    { name: "later", say: (request) => Promise.resolve(note(`${textOf(request)}!`)) },
    { name: "as a plain object", say: (request) => ({ text: `${textOf(request)}!` }) },
  ])("answers with what its handler returns $name", async ({ say }) => {
    const answer = await (await serve(say)).send({ body: framed("hi") });
    expect(statusOf(answer)).toEqual({ code: "0", message: undefined });
    expect(Buffer.concat(answer.body)).toEqual(Buffer.from(framed("hi!")));
    expect(answer.closed).toEqual([undefined]);
  });

  const DENIED = new ConnectError("not you", Code.PermissionDenied, { "x-why": "no key" });
  test.for<{ name: string; thrown: unknown; code: string; message: string | undefined }>([
    { name: "a ConnectError speaks for itself", thrown: DENIED, code: "7", message: "not you" },
    { name: "another error may hold secrets", thrown: new Error("password: x"), code: "2", message: "internal error" },
    { name: "a string", thrown: "oops", code: "2", message: "internal error" },
    { name: "undefined", thrown: undefined, code: "2", message: "internal error" },
    { name: "null", thrown: null, code: "2", message: "internal error" },
    {
      name: "an AbortError means that somebody gave up",
      thrown: new DOMException("x", "AbortError"),
      code: "1",
      message: "the operation was aborted",
    },
  ])("turns what its handler throws into a status, now or later: $name", async ({ thrown, code, message }) => {
    const { send } = await serve((request) => {
      if (textOf(request) === "later") return Promise.reject(thrown);
      throw thrown;
    }).then((running) => ({ send: (text: string) => running.send({ body: framed(text) }) }));
    expect(statusOf(await send("now"))).toEqual({ code, message });
    expect(statusOf(await send("later"))).toEqual({ code, message });
  });

  it("sends the metadata of an error and the headers that its handler set", async () => {
    const running = await serve((_request, context) => {
      context.responseHeader.set("x-early", "1");
      context.responseTrailer.set("x-late", "2");
      throw DENIED;
    });
    const answer = await running.send({ body: framed("hi") });
    expect([trailer(answer, "x-early"), trailer(answer, "x-late"), trailer(answer, "x-why")]).toEqual([
      "1",
      "2",
      "no key",
    ]);
  });

  test.for<{
    name: string;
    body: Uint8Array | undefined;
    headers?: Record<string, string>;
    code: string;
    message: string;
  }>([
    { name: "no message", body: undefined, code: "12", message: "a unary call takes one request, and got none" },
    {
      name: "two messages",
      body: framed("a", "b"),
      code: "12",
      message: "a unary call takes one request, and got more",
    },
    {
      name: "a message cut short",
      body: framed("hello").subarray(0, 8),
      code: "13",
      message: "the request message ended early",
    },
    {
      name: "a message that can't be decoded",
      body: Uint8Array.of(0, 0, 0, 0, 2, 0x0a, 0x7f),
      code: "13",
      message: "can't decode test.Note: premature EOF",
    },
    {
      name: "a compressed message without an encoding",
      body: Uint8Array.of(1, 0, 0, 0, 0),
      code: "13",
      message: 'message is marked as compressed, but its encoding is "identity"; known: gzip,identity',
    },
    {
      name: "a message above the limit",
      body: framed("x".repeat(200)),
      code: "8",
      message: "message of 203 bytes is larger than the limit of 100; raise readMaxBytes to accept it",
    },
  ])("fails a request with $name and leaves the handler alone", async ({ body, code, message }) => {
    let calls = 0;
    const running = await serve(
      () => {
        calls += 1;
        return note("");
      },
      { readMaxBytes: 100 },
    );
    expect(statusOf(await running.send(body === undefined ? {} : { body }))).toEqual({ code, message });
    expect(calls).toBe(0);
  });

  it("reads a compressed request, and compresses the answer for a client that can read it", async () => {
    const running = await serve((request) => note(textOf(request).repeat(2)), {
      sendCompression: "gzip",
      compressMinBytes: 10,
    });
    const zipped = gzipSync(framed("a".repeat(50)).subarray(5));
    const body = Buffer.concat([Uint8Array.of(1, 0, 0, 0, zipped.byteLength), zipped]);
    const headers = { "grpc-encoding": "gzip", "grpc-accept-encoding": "identity, gzip" };
    const answer = await running.send({ headers, body });
    expect(head(answer)).toContain("grpc-encoding");
    expect(Buffer.concat(answer.body)[0]).toBe(1);
    const plain = await running.send({ headers: { "grpc-encoding": "gzip" }, body });
    expect(Buffer.concat(plain.body)).toEqual(Buffer.from(framed("a".repeat(100))));
  });

  it("tells its handler of the deadline, and answers in its place when it passes", async () => {
    const { state, say } = held();
    const running = await serve(say);
    const answer = await running.send({ headers: { "grpc-timeout": "50m" }, body: framed("hi") });
    expect(state.context?.timeoutMs()).toBe(50);
    await running.clock.advance(20);
    expect(state.context?.timeoutMs()).toBe(30);
    const { signal } = state.context as HandlerContext;
    expect(signal.aborted).toBe(false);
    await running.clock.advance(30);
    expect(statusOf(answer)).toEqual({ code: "4", message: "the operation timed out" });
    expect(signal.reason).toMatchObject({ code: Code.DeadlineExceeded });
    state.answer("too late");
    await running.clock.advance(0);
    expect(answer.headers).toHaveLength(1);
    expect(answer.body).toEqual([]);
  });

  it("aborts a signal that its handler first looks at after the end", async () => {
    const { state, say } = held();
    const running = await serve(say);
    await running.send({ headers: { "grpc-timeout": "5m" }, body: framed("hi") });
    await running.clock.advance(5);
    expect(state.context?.signal.aborted).toBe(true);
    state.answer("");
  });

  it("drops the answer to a call that its client cancelled", async () => {
    const { state, say } = held();
    const running = await serve(say);
    const answer = await running.send({ body: framed("hi") });
    const { signal } = state.context as HandlerContext;
    await running.reset(answer, ErrorCode.CANCEL);
    expect(signal.reason).toMatchObject({ code: Code.Canceled });
    expect(running.server.activeCalls).toBe(1);
    state.answer("late");
    await running.clock.advance(0);
    expect(running.server.activeCalls).toBe(0);
    expect(running.closed).toEqual([]);
  });

  it("fails a call whose handler returns nothing", async () => {
    const running = await serve(() => undefined);
    const { code, message } = statusOf(await running.send({ body: framed("hi") }));
    expect(code).toBe("13");
    expect(message).toMatch(/^can't encode test\.Note: /);
  });

  it("keeps a status out of the fields that a handler sets", async () => {
    const running = await serve((_request, context) => {
      context.responseTrailer.set("grpc-status", "5");
      return note("fine");
    });
    const answer = await running.send({ body: framed("hi") });
    const statuses = answer.headers.at(-1)?.fields.filter((field) => field === "grpc-status");
    expect(statuses).toHaveLength(1);
    expect(statusOf(answer).code).toBe("0");
  });
});
