import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { lookup } from "../rpc/metadata.js";
import { framed, head, NOTHING_LEFT, type RawRequest, Served, statusOf, trailer } from "./test/served.js";

let calls = 0;
let served: Served;

beforeEach(async () => {
  calls = 0;
  served = await new Served({
    say: (request: object) => {
      calls += 1;
      return request;
    },
  }).start();
});

afterEach(async () => {
  expect(await served.stop()).toEqual(NOTHING_LEFT);
});

interface Refusal {
  readonly name: string;
  readonly request: RawRequest;
  readonly code: string;
  readonly message: string;
}

const call = (headers: RawRequest["headers"] = {}): RawRequest => ({ headers, body: framed("hi") });

describe("accept", () => {
  test.for<{ name: string; contentType: string }>([
    { name: "application/grpc", contentType: "application/grpc" },
    { name: "application/grpc+proto", contentType: "application/grpc+proto" },
    { name: "a parameter", contentType: "application/grpc;charset=utf-8" },
  ])("takes a call with content type: $name", async ({ contentType }) => {
    const answer = await served.send(call({ "content-type": contentType }));
    expect(statusOf(answer)).toEqual({ code: "0", message: undefined });
    expect(Buffer.concat(answer.body)).toEqual(Buffer.from(framed("hi")));
  });

  it("answers another method than POST with 405 and the method that works", async () => {
    const answer = await served.send({ headers: { ":method": "GET" } });
    expect(head(answer)).toEqual([":status", "405", "allow", "POST"]);
    expect(answer.didEnd).toBe(true);
  });

  test.for<{ name: string; contentType: string | undefined }>([
    { name: "none", contentType: undefined },
    { name: "JSON", contentType: "application/json" },
    { name: "gRPC-Web", contentType: "application/grpc-web+proto" },
    { name: "gRPC with another codec", contentType: "application/grpc+json" },
    { name: "a longer word", contentType: "application/grpcx" },
  ])("answers another content type with 415: $name", async ({ contentType }) => {
    const answer = await served.send(call({ "content-type": contentType }));
    expect(lookup(head(answer), ":status")).toBe("415");
    expect(lookup(head(answer), "accept-post")).toBe("application/grpc, application/grpc+proto");
    expect(calls).toBe(0);
  });

  test.for<Refusal>([
    {
      name: "a path without a leading slash (CVE-2026-33186)",
      request: call({ ":path": "test.Echo/Say" }),
      code: "12",
      message: 'path "test.Echo/Say" must start with "/"',
    },
    {
      name: "a service that is not served",
      request: call({ ":path": "/test.Other/Say" }),
      code: "12",
      message: "no service at /test.Other/Say; this server has: test.Echo",
    },
    {
      name: "a method that the service does not have",
      request: call({ ":path": "/test.Echo/Shout" }),
      code: "12",
      message: 'service test.Echo has no method "Shout"',
    },
    {
      name: "a method in another spelling",
      request: call({ ":path": "/test.Echo/say" }),
      code: "12",
      message: 'service test.Echo has no method "say"',
    },
    {
      name: "a path with a doubled slash",
      request: call({ ":path": "//test.Echo/Say" }),
      code: "12",
      message: 'path "//test.Echo/Say" must not have an empty segment',
    },
    {
      name: "a path with a query",
      request: call({ ":path": "/test.Echo/Say?x" }),
      code: "12",
      message: 'service test.Echo has no method "Say?x"',
    },
    {
      name: "a method without a handler",
      request: call({ ":path": "/test.Echo/Chat" }),
      code: "12",
      message: "test.Echo.Chat has no handler",
    },
    {
      name: "an encoding that is not known",
      request: call({ "grpc-encoding": "br" }),
      code: "12",
      message: 'grpc-encoding "br" is not supported; use one of gzip,identity',
    },
    ...["soon", "0S", "123456789m", "5", "-1S", "1s"].map((timeout) => ({
      name: `a grpc-timeout of "${timeout}"`,
      request: call({ "grpc-timeout": timeout }),
      code: "13",
      message: `grpc-timeout "${timeout}" must be 1 to 8 digits and a unit of H, M, S, m, u, n`,
    })),
  ])("refuses $name", async ({ request, code, message }) => {
    const answer = await served.send(request);
    expect(statusOf(answer)).toEqual({ code, message });
    expect(answer.headers).toHaveLength(1);
    expect(lookup(head(answer), ":status")).toBe("200");
    expect(calls).toBe(0);
  });

  it("names the encodings that it accepts when it refuses one (gRPC compression)", async () => {
    const answer = await served.send(call({ "grpc-encoding": "br" }));
    expect(trailer(answer, "grpc-accept-encoding")).toBe("gzip,identity");
  });

  it("drops what a client still sends after it was refused, and gives the window back", async () => {
    const answer = await served.send({ headers: { ":path": "/test.Other/Say" }, body: framed("a"), endStream: false });
    for (let sent = 0; sent < 80; sent += 1) await served.more(answer, new Uint8Array(64 * 1024));
    expect(statusOf(answer).code).toBe("12");
    expect(statusOf(await served.send(call()))).toEqual({ code: "0", message: undefined });
    await served.reset(answer, 8);
  });
});
