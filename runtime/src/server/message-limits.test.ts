import { randomBytes } from "node:crypto";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { afterEach, describe, expect, it, test } from "vitest";
import { lookup } from "../rpc/metadata.js";
import { note, textOf } from "./test/echo-service.js";
import { framed, head, NOTHING_LEFT, type RawRequest, Served, statusOf, zipped } from "./test/served.js";

const SAY = { ":path": "/test.Echo/Say" };
const CHAT = { ":path": "/test.Echo/Chat", "grpc-encoding": "gzip" };
const GZIP = { "grpc-encoding": "gzip" };

let served: Served | undefined;

afterEach(async () => {
  expect(await served?.stop()).toEqual(NOTHING_LEFT);
});

async function serve(implementation: object, options: ConstructorParameters<typeof Served>[1] = {}): Promise<Served> {
  served = await new Served(implementation, options).start();
  return served;
}

const echo = { say: (request: object) => request };

/** Other calls on the same connection are not concerned. */
async function expectAlive(running: Served): Promise<void> {
  expect(statusOf(await running.send({ headers: SAY, body: framed("ok") })).code).toBe("0");
  expect(running.closed).toEqual([]);
}

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

describe("a server's messages", () => {
  it("B1: refuses an oversized message by its prefix", async () => {
    const running = await serve(echo);
    const answer = await running.send({ body: Uint8Array.of(0, 0, 0x40, 0, 1), endStream: false });
    expect(statusOf(answer).code).toBe("8");
    expect(running.limits).toEqual(["message_bytes"]);
    await running.reset(answer, 8);
    await expectAlive(running);
  });

  it("B1: takes the limit from readMaxBytes, else from http2.maxMessageBytes", async () => {
    const options = { http2: { maxMessageBytes: 10 } };
    const running = await serve(echo, options);
    expect(statusOf(await running.send({ body: framed("x".repeat(9)) })).code).toBe("8");
    await running.stop();
    const other = await serve(echo, { ...options, readMaxBytes: 100 });
    expect(statusOf(await other.send({ body: framed("x".repeat(9)) })).code).toBe("0");
  });

  it("B1: holds back what a slow handler has not read, decompressed or not, and loses nothing", async () => {
    const { opened, open } = gate();
    const texts: string[] = [];
    const running = await serve(
      {
        ...echo,
        async *chat(requests: AsyncIterable<object>) {
          await opened;
          for await (const request of requests) texts.push(textOf(request));
          yield note("done");
        },
      },
      { http2: { initialStreamWindowBytes: 64 * 1024 } },
    );
    const sent = Array.from({ length: 600 }, (_, index) => `${index}`.padEnd(16_000, "."));
    const body = Buffer.concat([zipped(...sent), framed(randomBytes(300_000).toString("hex"))]);
    const answer = await running.send({ headers: CHAT, body });
    expect(answer.writable).toBe(0);
    await expectAlive(running);
    open();
    for (let turn = 0; turn < 200 && !answer.didEnd; turn += 1) await running.clock.advance(0);
    expect(statusOf(answer).code).toBe("0");
    expect(texts.slice(0, -1)).toEqual(sent);
    expect(texts).toHaveLength(601);
  });

  it("B1: gives the window back for what waited behind a message that took its time", async () => {
    let taken = 0;
    const running = await serve(
      {
        async *chat(requests: AsyncIterable<object>) {
          for await (const _request of requests) taken += 1;
          yield note("done");
        },
      },
      { http2: { initialStreamWindowBytes: 64 * 1024 } },
    );
    const large = () => randomBytes(100_000).toString("latin1");
    const answer = await running.send({ headers: CHAT, body: zipped(large(), large(), large(), large()) });
    while (!answer.didEnd) {
      await new Promise((resolve) => setImmediate(resolve));
      await running.clock.advance(0);
    }
    expect(taken).toBe(4);
  });

  it("B2: stops a zip bomb at the limit", async () => {
    const running = await serve(echo, { readMaxBytes: 100_000 });
    const bomb = zipped("\0".repeat(10_000_000));
    expect(bomb.byteLength).toBeLessThan(64 * 1024);
    expect(statusOf(await running.send({ headers: GZIP, body: bomb })).code).toBe("8");
    expect(running.limits).toEqual(["message_bytes"]);
    expect(statusOf(await running.send({ headers: GZIP, body: zipped("x".repeat(60_000)) })).code).toBe("0");
  });

  test.for(["br", "deflate", "snappy", "zstd", "GZIP", ""])("B2: refuses the coding %j", async (encoding) => {
    const running = await serve(echo);
    const answer = await running.send({ headers: { "grpc-encoding": encoding }, body: framed("a") });
    expect(statusOf(answer).code).toBe("12");
    expect(lookup(head(answer), "grpc-accept-encoding")).toBe("gzip,identity");
  });

  it("B3: refuses a request that nests too deep", async () => {
    const running = await serve(echo, { http2: { maxNesting: 10 } });
    const nested = (depth: number) => {
      const groups = Buffer.concat([Buffer.alloc(depth, 0x7b), Buffer.alloc(depth, 0x7c)]);
      return Buffer.concat([Uint8Array.of(0, 0, 0, 0, groups.byteLength), groups]);
    };
    expect(statusOf(await running.send({ body: nested(9) })).code).toBe("0");
    const { code, message } = statusOf(await running.send({ body: nested(10) }));
    expect(code).toBe("13");
    expect(message).toBe("can't decode test.Note: maximum recursion depth reached");
  });

  test.for(["%%%", "a", "ab=", "a===", "YQ==,!"])("B6: fails one call for the binary metadata %j", async (value) => {
    const running = await serve(echo);
    const answer = await running.send({ headers: { "x-key-bin": value }, body: framed("a") });
    expect(statusOf(answer)).toEqual({ code: "13", message: 'metadata "x-key-bin" is no base64' });
    await expectAlive(running);
  });

  test.for(["", "YQ==", "YQ", "YWI=,YQ", "+/+/"])("B6: reads the binary metadata %j", async (value) => {
    const running = await serve(echo);
    expect(statusOf(await running.send({ headers: { "x-key-bin": value }, body: framed("a") })).code).toBe("0");
  });

  test.for(["soon", "0S", "00000000H", "123456789m", "5", "-1S", "+1S", "1s", "1S,1S", ""])(
    "B7: refuses the timeout %j",
    async (timeout) => {
      const running = await serve(echo);
      const answer = await running.send({ headers: { "grpc-timeout": timeout }, body: framed("a") });
      expect(statusOf(answer).code).toBe("13");
      await expectAlive(running);
    },
  );

  it("B7: takes the longest timeout for what it says", async () => {
    let context: HandlerContext | undefined;
    const running = await serve({
      say: (request: object, given: HandlerContext) => {
        context = given;
        return request;
      },
    });
    const answer = await running.send({ headers: { "grpc-timeout": "99999999H" }, body: framed("a") });
    expect(statusOf(answer).code).toBe("0");
    expect(context?.timeoutMs()).toBe(99_999_999 * 3_600_000);
  });

  it("B9: refuses a second message of a unary call at once, whether the client ends or not", async () => {
    const running = await serve(echo);
    for (const body of [framed("a", "b"), Buffer.concat([framed("a"), Uint8Array.of(0)])]) {
      const answer = await running.send({ body: body.subarray(0, 8), endStream: false });
      await running.more(answer, body.subarray(8));
      expect(statusOf(answer)).toEqual({ code: "12", message: "a unary call takes one request, and got more" });
      await running.reset(answer, 8);
    }
    await expectAlive(running);
  });

  it("B9: refuses more while the first message is being decompressed", async () => {
    const running = await serve(echo);
    const body = zipped(randomBytes(200_000).toString("latin1"));
    const answer = await running.send({ headers: GZIP, body, endStream: false });
    await running.more(answer, framed("more"), true);
    expect(statusOf(answer).code).toBe("12");
  });

  const secret = new Error("password: x");
  test.for<{ name: string; fail: () => unknown }>([
    {
      name: "throws",
      fail: () => {
        throw secret;
      },
    },
    { name: "rejects", fail: () => Promise.reject(secret) },
    {
      name: "answers with a then that throws",
      fail: () => ({
        // biome-ignore lint/suspicious/noThenProperty: what a broken promise library may give.
        then: () => {
          throw secret;
        },
      }),
    },
  ])("B10: tells nothing of what a handler that $name throws", async ({ fail }) => {
    const running = await serve({
      say: fail,
      async *chat() {
        yield await fail();
      },
    });
    for (const path of ["/test.Echo/Say", "/test.Echo/Chat"]) {
      const answer = await running.send({ headers: { ":path": path }, body: framed("a") });
      expect(statusOf(answer)).toEqual({ code: "2", message: "internal error" });
      const text = JSON.stringify(answer.headers);
      expect(text).not.toMatch(/password|\.ts|\.js|at /);
    }
  });

  it("B10: sends the message of a ConnectError, but neither its stack nor its cause", async () => {
    const running = await serve({
      say: () => {
        throw new ConnectError("not you", Code.PermissionDenied, undefined, undefined, secret);
      },
    });
    const answer = await running.send({ body: framed("a") });
    expect(statusOf(answer)).toEqual({ code: "7", message: "not you" });
    expect(JSON.stringify(answer.headers)).not.toMatch(/password|\.ts|at /);
  });

  test.for(["/test.Echo/Say", "/test.Echo/Chat"])("B10: ends a call whose handler never does: %s", async (path) => {
    const { opened, open } = gate();
    const running = await serve({
      say: () => opened.then(() => note("")),
      async *chat() {
        await opened;
        yield note("");
      },
    });
    const answer = await running.send({ headers: { ":path": path, "grpc-timeout": "50m" }, body: framed("a") });
    await running.clock.advance(50);
    expect(statusOf(answer)).toEqual({ code: "4", message: "the operation timed out" });
    // The work goes on and is counted until it ends.
    expect(running.server.activeCalls).toBe(1);
    open();
    await running.clock.advance(0);
    expect(running.server.activeCalls).toBe(0);
  });
});

describe("the target of a request", () => {
  const request = (headers: RawRequest["headers"] = {}): RawRequest => ({ headers, body: framed("hi") });

  test.for([
    "test.Echo/Say",
    "*",
    "//test.Echo/Say",
    "/test.Echo//Say",
    "/test.Echo/Say/",
    "/test.Echo/Sa%79",
    "/test.Echo/Say;v=1",
    "/x/../test.Echo/Say",
    "/test.Echo/..",
    "/test.Echo/Säy",
    "/test.Echo/S ay",
    "/test.Echo/Say\u007f",
    "/",
  ])("A30, C3: is no path but the canonical one: %j", async (path) => {
    const running = await serve(echo);
    const { code, message } = statusOf(await running.send(request({ ":path": path })));
    expect(code).toBe("12");
    expect(message).toMatch(/^path "/);
    await expectAlive(running);
  });

  test.for<{ name: string; headers: Record<string, string | undefined>; message: string }>([
    { name: "userinfo", headers: { ":authority": "me@echo" }, message: "the authority must not have userinfo" },
    {
      name: "another host",
      headers: { ":authority": "echo", host: "other" },
      message: "host differs from :authority",
    },
    {
      name: "userinfo in host",
      headers: { ":authority": undefined, host: "me@echo" },
      message: "the authority must not have userinfo",
    },
  ])("A30: has one authority: $name", async ({ headers, message }) => {
    const running = await serve(echo);
    const answer = await running.send(request(headers));
    expect(lookup(head(answer), ":status")).toBe("400");
    expect(statusOf(answer)).toEqual({ code: "13", message });
    await expectAlive(running);
  });

  it("A30: takes host for the authority when there is none, or when both are the same", async () => {
    const running = await serve({ say: (_request: object, { url }: HandlerContext) => note(url) });
    for (const headers of [
      { ":authority": undefined, host: "echo" },
      { ":authority": "echo", host: "ECHO" },
    ]) {
      const answer = await running.send(request(headers));
      expect(Buffer.concat(answer.body)).toEqual(Buffer.from(framed("http://echo/test.Echo/Say")));
    }
  });
});
