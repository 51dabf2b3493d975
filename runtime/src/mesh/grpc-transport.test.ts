import type { DescMethodUnary } from "@bufbuild/protobuf";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { createTestCa, type TestCa } from "@meshwright/interop/certificates";
import { beforeAll, describe, expect, it } from "vitest";
import { echoMethod, echoService, note, textOf } from "../server/test/echo-service.js";
import { createGrpcTransport, type GrpcTransport } from "./grpc-transport.js";
import { createServer } from "./server.js";

const SAY = echoMethod("say") as DescMethodUnary;

let ca: TestCa;
beforeAll(async () => {
  ca = await createTestCa();
});

async function say(transport: GrpcTransport, text: string, timeoutMs?: number): Promise<string> {
  const { message } = await transport.unary(SAY, undefined, timeoutMs, undefined, note(text) as never);
  return textOf(message);
}

function echo() {
  return echoService({ say: (request: object) => note(`echo ${textOf(request)}`) });
}

describe("createGrpcTransport", () => {
  it.for([
    ["no URL", "greeter", "is not a URL"],
    ["an address", "127.0.0.1:80", "is not a URL"],
    ["another scheme", "ftp://a", 'has the scheme "ftp"'],
    ["no scheme", "greeter:80", 'has the scheme "greeter"'],
    ["a path", "http://a/b", "has more than a host and a port"],
    ["a query", "http://a?b", "has more than a host and a port"],
    ["a user", "https://me@a", "has a user name or password"],
    ["a port that is none", "http://a:65536", "is not a URL"],
  ] as const)("refuses a baseUrl with %s", ([, baseUrl, message]) => {
    expect(() => createGrpcTransport({ baseUrl })).toThrow(`baseUrl "${baseUrl}" ${message}`);
  });

  it("refuses TLS options for a plaintext URL, and TLS options that make no client", () => {
    expect(() => createGrpcTransport({ baseUrl: "http://a:1", tls: {} })).toThrow("write https:// or leave tls out");
    expect(() => createGrpcTransport({ baseUrl: "https://a:1", tls: { ca: "x" } })).toThrow("tls.ca is not PEM");
  });

  it("connects at the first call, to an IPv6 address as well", async () => {
    await using server = createServer({ services: [echo()] });
    const address = await server.listen("[::1]:0");
    await using transport = createGrpcTransport({ baseUrl: `http://${address}` });
    expect(await say(transport, "a")).toBe("echo a");
  });

  it("speaks TLS with a server of a certificate for its host, and shows interceptors the URL", async () => {
    const urls: string[] = [];
    const interceptor: Interceptor = (next) => (request) => {
      urls.push(request.url);
      return next(request);
    };
    await using server = createServer({ services: [echo()], tls: await ca.issue({ dns: ["localhost"] }) });
    const address = await server.listen("127.0.0.1:0");
    const baseUrl = `https://${address.replace("127.0.0.1", "localhost")}`;
    await using transport = createGrpcTransport({ baseUrl, tls: { ca: ca.ca }, interceptors: [interceptor] });
    expect(await say(transport, "a")).toBe("echo a");
    expect(urls).toEqual([`${baseUrl}/test.Echo/Say`]);
  });

  it("fails calls with the reason when the server is not the one that is meant", async () => {
    await using server = createServer({ services: [echo()], tls: await ca.issue({ dns: ["localhost"] }) });
    await using transport = createGrpcTransport({
      baseUrl: `https://${await server.listen("127.0.0.1:0")}`,
      tls: { ca: ca.ca },
    });
    const error = ConnectError.from(await say(transport, "a").catch((reason: unknown) => reason));
    expect(error.code).toBe(Code.Unavailable);
    expect(error.message).toContain('not for IP "127.0.0.1": it has DNS "localhost"');
  });

  it("fails calls after it was closed", async () => {
    const transport = createGrpcTransport({ baseUrl: "http://127.0.0.1:1" });
    await transport.close();
    await expect(say(transport, "a", 1000)).rejects.toThrow("the transport was closed");
  });
});
