import { setTimeout as sleep } from "node:timers/promises";
import type { HandlerContext } from "@connectrpc/connect";
import type { InteropHandlers } from "../gen/meshwright/interop/v1/interop_mesh.js";
import { interopHandlers } from "../handlers.js";
import { cpuMs, type Usage } from "./usage.js";

/** A request with this text is worked on to its end, whatever becomes of the call. */
export const STUBBORN = "stubborn";

/** The handlers of InteropService, counted. `x-stuck` in a request makes a streaming handler wait and read nothing. */
export function createCountedHandlers(): { readonly handlers: InteropHandlers; usage(): Omit<Usage, "connections"> } {
  let started = 0;
  let active = 0;
  let mostActive = 0;
  let messages = 0;
  let probe = "";

  const begin = ({ requestHeader }: HandlerContext): void => {
    started += 1;
    active += 1;
    mostActive = Math.max(mostActive, active);
    probe = requestHeader.get("x-probe") ?? probe;
  };
  async function* counted<T>(requests: AsyncIterable<T>): AsyncGenerator<T> {
    for await (const request of requests) {
      messages += 1;
      yield request;
    }
  }

  const handlers: InteropHandlers = {
    async unary(request, context) {
      begin(context);
      try {
        if (request.text === STUBBORN) await sleep(request.delayMs);
        else if (request.delayMs > 0) await sleep(request.delayMs, undefined, { signal: context.signal });
        if (request.failCode !== 0) return await interopHandlers.unary(request, context);
        const echo = context.requestHeader.get("x-echo-probe");
        if (echo !== null) context.responseHeader.set("x-echo-probe", echo);
        return { text: request.text, payload: request.payload };
      } finally {
        active -= 1;
      }
    },
    async *serverStream(request, context) {
      begin(context);
      try {
        yield* interopHandlers.serverStream(request, context);
      } finally {
        active -= 1;
      }
    },
    async clientStream(requests, context) {
      begin(context);
      try {
        if (context.requestHeader.has("x-stuck")) await untilAborted(context.signal);
        return await interopHandlers.clientStream(counted(requests), context);
      } finally {
        active -= 1;
      }
    },
    async *bidiStream(requests, context) {
      begin(context);
      try {
        yield* interopHandlers.bidiStream(counted(requests), context);
      } finally {
        active -= 1;
      }
    },
  };
  return { handlers, usage: () => ({ cpuMs: cpuMs(), started, active, mostActive, messages, probe }) };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
