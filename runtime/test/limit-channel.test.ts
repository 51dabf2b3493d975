import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer, LIMIT_CHANNEL, type LimitMessage } from "@meshwright/runtime";
import { nodeNetwork, parseAddress } from "@meshwright/runtime/wire";
import { describe, expect, it } from "vitest";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const SETTINGS = Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0);

describe("the diagnostics channel of limits", () => {
  it("tells of a client that sends too many SETTINGS", async () => {
    const server = createServer({ services: [], http2: { maxSettingsFrames: 1 } });
    const address = parseAddress(await server.listen("127.0.0.1:0"));
    if (address === undefined) throw new Error("no address");
    const told: LimitMessage[] = [];
    const listener = (event: unknown): void => {
      told.push(event as LimitMessage);
    };
    subscribe(LIMIT_CHANNEL, listener);
    const stream = await nodeNetwork.connect(address, { timeoutMs: 5000 });
    await new Promise<void>((resolve) => {
      stream.start({ onBytes: () => {}, onDrain: () => {}, onClose: () => resolve() });
      stream.write(Buffer.concat([PREFACE, SETTINGS, SETTINGS, SETTINGS]));
    });
    unsubscribe(LIMIT_CHANNEL, listener);
    expect(told).toEqual([
      {
        counter: "h2.settings_rate_exceeded",
        limit: "settings_rate",
        role: "server",
        peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        message: "too many SETTINGS frames",
      },
    ]);
    await server.close(0);
  });
});
