import { Code, ConnectError, decodeBinaryHeader, encodeBinaryHeader } from "@connectrpc/connect";
import { FailureDetailSchema } from "@meshwright/interop/gen/meshwright/interop/v1/interop_pb";
import { expect, it } from "vitest";
import type { Peer } from "./peer.js";

const LARGE_BYTES = 3 * 1024 * 1024;

async function* from<T>(...items: T[]): AsyncGenerator<T> {
  yield* items;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = [];
  for await (const item of items) taken.push(item);
  return taken;
}

async function failureOf(work: Promise<unknown>): Promise<ConnectError> {
  try {
    await work;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("expected a failure");
}

/** What any client and any server of InteropService must do together. */
export function interopCases(peer: () => Peer): void {
  it("answers a unary call", async () => {
    const { message } = await peer().unary({ text: "hello" });
    expect(message.text).toBe("hello");
  });

  it("streams from the server", async () => {
    const messages = await all(peer().serverStream({ text: "n", count: 3 }));
    expect(messages.map(({ text }) => text)).toEqual(["n 0", "n 1", "n 2"]);
  });

  it("streams from the client", async () => {
    const payload = new Uint8Array(1000);
    const answer = await peer().clientStream(from({ payload }, { payload }, { payload }));
    expect(answer).toMatchObject({ messages: 3, bytes: 3000n });
  });

  it("streams in both directions at once", async () => {
    const seen: string[] = [];
    let release: () => void = () => {};
    async function* requests(): AsyncGenerator<{ text: string }> {
      yield { text: "one" };
      // The second request waits for the first answer: nothing may hold it back.
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      yield { text: "two" };
    }
    for await (const { text } of peer().bidiStream(requests())) {
      seen.push(text);
      release();
    }
    expect(seen).toEqual(["echo one", "echo two"]);
  });

  it("ends a call at its deadline", async () => {
    const error = await failureOf(peer().unary({ delayMs: 30_000 }, { timeoutMs: 50 }));
    expect(error.code).toBe(Code.DeadlineExceeded);
  });

  it("cancels a call", async () => {
    const controller = new AbortController();
    const failure = failureOf(peer().unary({ delayMs: 30_000 }, { signal: controller.signal }));
    setImmediate(() => controller.abort());
    expect((await failure).code).toBe(Code.Canceled);
  });

  it("lets a caller leave a stream", async () => {
    for await (const { text } of peer().serverStream({ text: "n", count: 1_000_000, delayMs: 1 })) {
      expect(text).toBe("n 0");
      break;
    }
    // The connection is still good.
    expect((await peer().unary({ text: "still here" })).message.text).toBe("still here");
  });

  it("carries an error with message, details and metadata", async () => {
    const error = await failureOf(peer().unary({ failCode: Code.FailedPrecondition, failMessage: "nö: 100 %" }));
    expect(error.code).toBe(Code.FailedPrecondition);
    expect(error.rawMessage).toBe("nö: 100 %");
    expect(error.findDetails(FailureDetailSchema)).toMatchObject([{ reason: "because of nö: 100 %" }]);
    expect(error.metadata.get("x-failure")).toBe("yes");
  });

  it("carries a message of 3 MiB both ways", async () => {
    const payload = new Uint8Array(LARGE_BYTES).map((_, index) => index % 251);
    const { message } = await peer().unary({ payload });
    expect(Buffer.compare(message.payload, payload)).toBe(0);
  });

  it("carries metadata, text and binary, in headers and trailers", async () => {
    const bytes = new Uint8Array([0, 1, 2, 254, 255]);
    const headers = { "x-echo-text": "a text", "x-echo-bytes-bin": encodeBinaryHeader(bytes) };
    const outcome = await peer().unary({ text: "x" }, { headers });
    expect(outcome.headers.get("x-echo-text")).toBe("a text");
    expect(outcome.trailers.get("x-echo-text-trailer")).toBe("a text");
    expect(decodeBinaryHeader(outcome.headers.get("x-echo-bytes-bin") ?? "")).toEqual(bytes);
    expect(decodeBinaryHeader(outcome.trailers.get("x-echo-bytes-trailer-bin") ?? "")).toEqual(bytes);
  });
}
