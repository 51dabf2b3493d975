import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLimitReporter, LIMIT_CHANNEL } from "./limit-reporter.js";

const events: unknown[] = [];
const listener = (event: unknown): void => {
  events.push(event);
};

beforeEach(() => {
  events.length = 0;
  subscribe(LIMIT_CHANNEL, listener);
});

afterEach(() => {
  unsubscribe(LIMIT_CHANNEL, listener);
});

describe("createLimitReporter", () => {
  it("publishes each limit under the name of its counter", () => {
    const report = createLimitReporter();
    report("server", "10.0.0.1:5", { limit: "rapid_reset", message: "too many" });
    report("client", "10.0.0.2:80", { limit: "message_bytes", message: "too long" });
    expect(events).toEqual([
      {
        counter: "h2.rapid_reset_exceeded",
        limit: "rapid_reset",
        role: "server",
        peer: "10.0.0.1:5",
        message: "too many",
      },
      {
        counter: "h2.message_bytes_exceeded",
        limit: "message_bytes",
        role: "client",
        peer: "10.0.0.2:80",
        message: "too long",
      },
    ]);
  });

  it("keeps nothing for those who listen later", () => {
    unsubscribe(LIMIT_CHANNEL, listener);
    const report = createLimitReporter();
    report("server", "10.0.0.1:5", { limit: "rapid_reset", message: "too many" });
    subscribe(LIMIT_CHANNEL, listener);
    expect(events).toEqual([]);
  });
});
