import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { InteropHandlers } from "./gen/meshwright/interop/v1/interop_mesh.js";
import { FailureDetailSchema, type UnaryRequest } from "./gen/meshwright/interop/v1/interop_pb.js";

/** Metadata with this prefix comes back: in the headers, and with "-trailer" in the trailers. */
export const ECHO_PREFIX = "x-echo-";

/** The handlers of InteropService as a Connect-style server has them. */
export const interopHandlers: InteropHandlers = {
  async unary(request, context) {
    echoMetadata(context);
    await sleep(request.delayMs, undefined, { signal: context.signal });
    if (request.failCode !== 0) throw failureOf(request);
    return { text: request.text, payload: request.payload };
  },
  async *serverStream({ text, count, delayMs }, context) {
    echoMetadata(context);
    for (let index = 0; index < count; index += 1) {
      if (delayMs > 0) await sleep(delayMs, undefined, { signal: context.signal });
      yield { text: `${text} ${index}` };
    }
  },
  async clientStream(requests) {
    let messages = 0;
    let bytes = 0;
    for await (const { payload } of requests) {
      messages += 1;
      bytes += payload.byteLength;
    }
    return { messages, bytes: BigInt(bytes) };
  },
  async *bidiStream(requests) {
    for await (const { text } of requests) yield { text: `echo ${text}` };
  },
};

/** The error that a request asks for, with a detail. */
function failureOf({ failCode, failMessage }: UnaryRequest): ConnectError {
  return new ConnectError(failMessage, failCode, { "x-failure": "yes" }, [
    { desc: FailureDetailSchema, value: { reason: `because of ${failMessage}` } },
  ]);
}

function echoMetadata({ requestHeader, responseHeader, responseTrailer }: HandlerContext): void {
  for (const [name, value] of requestHeader) {
    if (!name.startsWith(ECHO_PREFIX)) continue;
    responseHeader.set(name, value);
    responseTrailer.set(name.endsWith("-bin") ? name.replace(/-bin$/, "-trailer-bin") : `${name}-trailer`, value);
  }
}
