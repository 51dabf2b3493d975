import type { HandlerContext } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import type { Address, Listener, Network } from "../base/network.js";
import { createVirtualClock } from "../testing/virtual-clock.js";
import { RpcServer } from "./rpc-server.js";
import { note } from "./test/echo-service.js";
import { framed, NOTHING_LEFT, Served, statusOf } from "./test/served.js";

const ADDRESS: Address = { kind: "tcp", host: "10.0.0.1", port: 80 };

describe("RpcServer", () => {
  it("gives up an address that it got after it was closed", async () => {
    let isListening = false;
    let bind: () => void = () => {};
    const bound = new Promise<void>((resolve) => {
      bind = resolve;
    });
    const network: Pick<Network, "listen"> = {
      async listen(address): Promise<Listener> {
        await bound;
        isListening = true;
        return {
          address,
          close: async () => {
            isListening = false;
          },
        };
      },
    };
    const server = new RpcServer(
      { network: network as Network, clock: createVirtualClock(), rng: () => 0.5 },
      { services: [] },
    );
    const listening = server.listen(ADDRESS);
    await server.close();
    bind();
    await expect(listening).rejects.toThrow("can't listen on 10.0.0.1:80: the server was closed meanwhile");
    expect(isListening).toBe(false);
  });

  it("lets calls in flight end before it closes", async () => {
    let answer: (message: object) => void = () => {};
    const served = await new Served({
      say: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    }).start();
    const call = await served.send({ body: framed("a") });
    let isClosed = false;
    const closing = served.server.close(1000).then(() => {
      isClosed = true;
    });
    await served.clock.advance(999);
    expect([isClosed, served.connection.isDraining]).toEqual([false, true]);
    answer(note("b"));
    await served.clock.advance(0);
    expect([isClosed, statusOf(call).code]).toEqual([true, "0"]);
    await closing;
    expect(await served.stop()).toEqual(NOTHING_LEFT);
  });

  it("ends what is left after the grace, and tells the handlers", async () => {
    let signal: AbortSignal | undefined;
    const served = await new Served({
      say: (_request: object, context: HandlerContext) => {
        signal = context.signal;
        return new Promise((resolve) => signal?.addEventListener("abort", () => resolve(note("late"))));
      },
    }).start();
    const call = await served.send({ body: framed("a") });
    const closing = served.server.close(1000);
    expect(served.server.close(1)).toBe(closing);
    await served.clock.advance(1000);
    await closing;
    await served.clock.advance(0);
    expect(signal?.aborted).toBe(true);
    expect([call.headers.length, call.closed.length]).toEqual([0, 1]);
    expect(await served.stop()).toEqual(NOTHING_LEFT);
  });

  it("aborts the signal of a call that ended in order, so that what hangs on it can go", async () => {
    let signal: AbortSignal | undefined;
    const served = await new Served({
      say: (request: object, context: HandlerContext) => {
        signal = context.signal;
        return request;
      },
    }).start();
    expect(statusOf(await served.send({ body: framed("a") })).code).toBe("0");
    expect(signal?.aborted).toBe(true);
    expect(await served.stop()).toEqual(NOTHING_LEFT);
  });
});
