import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { Code, type ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { http2Limits } from "../http2/limit-presets.js";
import type { Http2Stream } from "../http2/types.js";
import { Decompressor } from "../rpc/decompressor.js";
import { createRpcMethod } from "../rpc/method.js";
import { echoMethod, textOf } from "../server/test/echo-service.js";
import { framed, zipped } from "../server/test/served.js";
import { StreamCall } from "./stream-call.js";
import { cluster, config, forward, Harness, NOTHING_LEFT, type Outcome } from "./test/harness.js";

const WATCH = createRpcMethod(echoMethod("watch"), "echo", http2Limits({}));
const GRPC = [":status", "200", "content-type", "application/grpc"];
const GZIP = [...GRPC, "grpc-encoding", "gzip"];
const OK = { fields: ["grpc-status", "0"] };
const NONE = new Uint8Array(0);

let harness: Harness;

beforeEach(() => {
  harness = new Harness();
});

afterEach(async () => {
  expect(await harness.stop()).toEqual(NOTHING_LEFT);
});

/** Calls a server whose answers are the test's. */
async function call(answer: (stream: Http2Stream) => void): Promise<Outcome> {
  await serve(answer);
  return harness.call();
}

async function serve(answer: (stream: Http2Stream) => void): Promise<void> {
  await harness.serveRaw("a", answer);
  harness.channel.onConfig(config(forward(), { c: cluster(["a"]) }));
}

const codeOf = ({ error }: Outcome) => error?.code;

/** The messages of a streaming call to that server; the limits are small. */
async function watch(answer: (stream: Http2Stream) => void): Promise<StreamCall> {
  await serve(answer);
  const input = (async function* () {})();
  const limits = { readMaxBytes: 400_000, decompressor: new Decompressor() };
  const streamCall = new StreamCall(harness.channel, WATCH, input, {}, limits, { onHeaders() {}, onError() {} });
  streamCall.start();
  await harness.clock.advance(0);
  return streamCall;
}

async function read(streamCall: StreamCall): Promise<{ texts: string[]; error: ConnectError | undefined }> {
  const texts: string[] = [];
  let error: ConnectError | undefined;
  let isDone = false;
  const reading = (async () => {
    for await (const message of streamCall.messages) texts.push(textOf(message));
  })().then(
    () => {
      isDone = true;
    },
    (reason: unknown) => {
      error = reason as ConnectError;
      isDone = true;
    },
  );
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    await harness.clock.advance(0);
  }
  await reading;
  return { texts, error };
}

describe("a client's messages", () => {
  it("B1: refuses an oversized message by its prefix and resets the call", async () => {
    const outcome = await call((stream) => {
      stream.sendHeaders({ fields: GRPC }, undefined, false);
      stream.sendData(Uint8Array.of(0, 0x7f, 0, 0, 0), false);
    });
    expect(codeOf(outcome)).toBe(Code.ResourceExhausted);
    expect(harness.limits).toEqual(["a:80 message_bytes"]);
  });

  it("B1: holds back what a slow caller has not read, and loses nothing", async () => {
    const sent = Array.from({ length: 300 }, (_, index) => `${index}`.padEnd(16_000, "."));
    const streamCall = await watch((stream) => {
      stream.sendHeaders({ fields: GZIP }, undefined, false);
      stream.sendData(zipped(...sent), false);
      stream.sendHeaders(OK, undefined, true);
    });
    expect(harness.limits).toEqual([]);
    expect(await read(streamCall)).toEqual({ texts: sent, error: undefined });
  });

  it("B1: gives the window back for what waited behind a message that took its time", async () => {
    const large = () => randomBytes(100_000).toString("latin1");
    const streamCall = await watch((stream) => {
      stream.sendHeaders({ fields: GZIP }, undefined, false);
      stream.sendData(zipped(large(), large(), large(), large()), false);
      stream.sendHeaders(OK, undefined, true);
    });
    expect((await read(streamCall)).texts).toHaveLength(4);
  });

  test.for([
    { name: "a bomb", message: zipped("\0".repeat(1_000_000)), code: Code.ResourceExhausted },
    { name: "no gzip", message: Uint8Array.of(1, 0, 0, 0, 2, 1, 2), code: Code.Internal },
    { name: "a message that is none", message: Uint8Array.of(0, 0, 0, 0, 1, 0xff), code: Code.Internal },
    { name: "a message cut short", message: framed("hello").subarray(0, 8), code: Code.Internal },
  ])("B2: fails a stream at $name, also when the stream had ended before it was read", async ({ message, code }) => {
    const filler = Array.from({ length: 10 }, () => "x".repeat(16_000));
    const streamCall = await watch((stream) => {
      stream.sendHeaders({ fields: GZIP }, undefined, false);
      stream.sendData(Buffer.concat([zipped(...filler), message]), false);
      stream.sendHeaders(OK, undefined, true);
    });
    const { texts, error } = await read(streamCall);
    expect(texts).toEqual(filler);
    expect(error?.code).toBe(code);
  });

  it("B2: stops a zip bomb of a unary call at the limit", async () => {
    const outcome = await call((stream) => {
      stream.sendHeaders({ fields: GZIP }, undefined, false);
      stream.sendData(zipped("\0".repeat(5_000_000)), false);
      stream.sendHeaders(OK, undefined, true);
    });
    expect(codeOf(outcome)).toBe(Code.ResourceExhausted);
    expect(harness.limits).toEqual(["a:80 message_bytes"]);
  });

  it("B2: fails a large message that is no gzip, which is found out after the stream ended", async () => {
    const broken = Buffer.concat([gzipSync(randomBytes(100_000)).subarray(0, 90_000), randomBytes(1000)]);
    broken.writeUInt32LE(100_000, broken.byteLength - 4);
    const prefix = Buffer.from([1, 0, 0, 0, 0]);
    prefix.writeUInt32BE(broken.byteLength, 1);
    await serve((stream) => {
      stream.sendHeaders({ fields: GZIP }, undefined, false);
      stream.sendData(Buffer.concat([prefix, broken]), false);
      stream.sendHeaders(OK, undefined, true);
    });
    const outcome = harness.start();
    while (outcome.error === undefined && outcome.text === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      await harness.clock.advance(0);
    }
    expect(codeOf(outcome)).toBe(Code.Internal);
  });

  it("B2: forgives a server its broken messages, for each of them was asked for", async () => {
    await serve((stream) => {
      stream.sendHeaders({ fields: GZIP }, undefined, false);
      stream.sendData(Uint8Array.of(1, 0, 0, 0, 2, 1, 2), false);
      stream.sendHeaders(OK, undefined, true);
    });
    for (let index = 0; index < 50; index += 1) expect(codeOf(await harness.call())).toBe(Code.Internal);
    expect(harness.limits).toEqual([]);
  });

  it("B3: refuses an answer of too many fields, whatever the call", async () => {
    const fields = Buffer.alloc(2 * 16_385, "x");
    const prefix = Buffer.of(0, 0, 0, 0, 0);
    prefix.writeUInt32BE(fields.byteLength, 1);
    const answer = (stream: Http2Stream): void => {
      stream.sendHeaders({ fields: GRPC }, undefined, false);
      stream.sendData(Buffer.concat([prefix, fields]), false);
      stream.sendHeaders(OK, undefined, true);
    };
    const { error } = await read(await watch(answer));
    expect(error?.code).toBe(Code.ResourceExhausted);
    expect(codeOf(await harness.call())).toBe(Code.ResourceExhausted);
    expect(harness.limits).toEqual(["a:80 unknown_fields", "a:80 unknown_fields"]);
  });

  test.for(["br", "deflate", "identity"])("B2: refuses a message compressed with %s", async (encoding) => {
    const outcome = await call((stream) => {
      stream.sendHeaders({ fields: [...GRPC, "grpc-encoding", encoding] }, undefined, false);
      stream.sendData(zipped("hi"), false);
      stream.sendHeaders(OK, undefined, true);
    });
    expect(codeOf(outcome)).toBe(Code.Internal);
  });

  test.for([
    { name: "headers", head: ["x-key-bin", "%%%"], trailer: [] },
    { name: "trailers", head: [], trailer: ["x-key-bin", "a"] },
  ])("B6: fails one call for malformed binary metadata in its $name", async ({ head, trailer }) => {
    let calls = 0;
    const outcome = await call((stream) => {
      const isFirst = calls === 0;
      calls += 1;
      stream.sendHeaders({ fields: GRPC }, isFirst ? head : [], false);
      stream.sendData(framed("hi"), false);
      stream.sendHeaders(OK, isFirst ? trailer : [], true);
    });
    expect(outcome.error?.rawMessage).toBe('metadata "x-key-bin" is no base64');
    expect(codeOf(outcome)).toBe(Code.Internal);
    expect((await harness.call()).text).toBe("hi");
  });

  it("B6: does not let broken details hide the status", async () => {
    const outcome = await call((stream) => {
      stream.sendHeaders({ fields: [...GRPC, "grpc-status", "5"] }, ["grpc-status-details-bin", "%%%"], true);
    });
    expect(codeOf(outcome)).toBe(Code.NotFound);
  });

  test.for(["17", "99", "-1", "0.0", "abc", "", "00x", "4294967296"])(
    "B8: takes grpc-status %j for UNKNOWN",
    async (text) => {
      const outcome = await call((stream) => {
        stream.sendHeaders({ fields: GRPC }, undefined, false);
        stream.sendData(framed("hi"), false);
        stream.sendHeaders({ fields: ["grpc-status", text] }, undefined, true);
      });
      expect([outcome.text, codeOf(outcome)]).toEqual([undefined, Code.Unknown]);
    },
  );

  test.for([
    ["400", Code.Internal],
    ["401", Code.Unauthenticated],
    ["403", Code.PermissionDenied],
    ["404", Code.Unimplemented],
    ["429", Code.Unavailable],
    ["502", Code.Unavailable],
    ["503", Code.Unavailable],
    ["504", Code.Unavailable],
    ["500", Code.Unknown],
    ["204", Code.Unknown],
  ] as const)("B8: maps HTTP status %s without gRPC", async ([status, code]) => {
    const outcome = await call((stream) => {
      stream.sendHeaders({ fields: [":status", status, "content-type", "text/html"] }, undefined, true);
    });
    expect(codeOf(outcome)).toBe(code);
  });

  test.for([
    { name: "a body without trailers", trailers: undefined, code: Code.Internal },
    { name: "trailers without a status", trailers: ["x", "y"], code: Code.Unknown },
  ])("B8: does not take $name for a success", async ({ trailers, code }) => {
    const outcome = await call((stream) => {
      stream.sendHeaders({ fields: GRPC }, undefined, false);
      stream.sendData(framed("hi"), trailers === undefined);
      if (trailers !== undefined) stream.sendHeaders({ fields: trailers }, undefined, true);
    });
    expect([outcome.text, codeOf(outcome)]).toEqual([undefined, code]);
  });

  test.for([
    { name: "in one piece", chunks: [framed("a", "b")] },
    { name: "one after the other", chunks: [framed("a"), framed("b")] },
    { name: "begun", chunks: [framed("a"), Uint8Array.of(0)] },
  ])("B9: refuses a second answer at once, though the server never ends: $name", async ({ chunks }) => {
    const outcome = await call((stream) => {
      stream.sendHeaders({ fields: GRPC }, undefined, false);
      for (const chunk of chunks) stream.sendData(chunk, false);
    });
    expect(codeOf(outcome)).toBe(Code.Unimplemented);
  });

  it("B9: does not take OK without a message for an answer", async () => {
    const outcome = await call((stream) => {
      stream.sendHeaders({ fields: GRPC }, undefined, false);
      stream.sendData(NONE, false);
      stream.sendHeaders(OK, undefined, true);
    });
    expect(codeOf(outcome)).toBe(Code.Unimplemented);
  });
});
