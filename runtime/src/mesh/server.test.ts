import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createTestCa, type TestCertificate } from "@meshwright/interop/certificates";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { parseAddress } from "../base/network.js";
import type { ClientTls } from "../base/tls.js";
import { nodeNetwork } from "../net/node-network.js";
import { CONNECTION_ERROR_CHANNEL } from "../telemetry/connection-reporter.js";
import { LIMIT_CHANNEL } from "../telemetry/limit-reporter.js";
import { createServer } from "./server.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Resolves with the next message on a diagnostics channel. */
function next(channel: string): Promise<unknown> {
  return new Promise((resolve) => {
    subscribe(channel, resolve);
    cleanups.push(() => unsubscribe(channel, resolve));
  });
}

async function connect(text: string, tls?: ClientTls): Promise<void> {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  const stream = await nodeNetwork.connect(address, { timeoutMs: 5000, ...(tls === undefined ? {} : { tls }) });
  cleanups.push(() => stream.destroy());
}

describe("createServer", () => {
  let ca: string;
  let tls: TestCertificate;
  beforeAll(async () => {
    const authority = await createTestCa();
    ca = authority.ca;
    tls = await authority.issue({ ip: ["127.0.0.1"] });
  });

  it("refuses TLS options that make no server", async () => {
    const { key } = await (await createTestCa()).issue({ dns: ["localhost"] });
    expect(() => createServer({ services: [], tls: { ...tls, key } })).toThrow("tls.key is not the private key");
  });

  it("A27: ends slow handshakes and tells so", async () => {
    const server = createServer({ services: [], tls, http2: { tlsHandshakeTimeoutMs: 20 } });
    cleanups.push(() => server.close(0));
    const told = next(LIMIT_CHANNEL);
    await connect(await server.listen("127.0.0.1:0"));
    expect(await told).toMatchObject({
      counter: "h2.tls_handshake_timeout_exceeded",
      role: "server",
      peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      message: expect.stringContaining("no TLS handshake within 20 ms"),
    });
  });

  it("A28: takes as many connections as it may and tells of more", async () => {
    const server = createServer({ services: [], tls, http2: { maxConnections: 1 } });
    cleanups.push(() => server.close(0));
    const told = next(LIMIT_CHANNEL);
    const address = await server.listen("127.0.0.1:0");
    await connect(address, { ca });
    await connect(address);
    expect(await told).toMatchObject({ counter: "h2.connections_exceeded", role: "server" });
  });

  it("tells of handshakes that fail", async () => {
    const server = createServer({ services: [], tls });
    cleanups.push(() => server.close(0));
    const told = next(CONNECTION_ERROR_CHANNEL);
    const address = await server.listen("127.0.0.1:0");
    await expect(connect(address, {})).rejects.toThrow("leads to no root that is trusted here");
    expect(await told).toMatchObject({
      error: { message: expect.stringMatching(/^TLS handshake of 127\.0\.0\.1:\d+ with 127\.0\.0\.1:\d+ failed: /) },
    });
  });
});
