import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { createTestCa } from "@meshwright/interop/certificates";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ByteStream } from "../base/network.js";
import type { ClientTls } from "../base/tls.js";
import { nodeNetwork } from "./node-network.js";
import { SocketStream } from "./socket-stream.js";
import { Recorder } from "./test/recorder.js";
import { endOf, messageOf, queue, TlsHarness } from "./test/tls-harness.js";
import { checkPeer } from "./tls-peer.js";

let harness: TlsHarness;

beforeAll(async () => {
  harness = await TlsHarness.create();
});
afterEach(() => harness.close());

describe("a TLS handshake", () => {
  it("TLS: carries bytes both ways and tells the protocol", async () => {
    const served = await harness.listen();
    const client = await harness.connect(served.address);
    const server = await served.accepted();
    const [atClient, atServer] = [new Recorder(), new Recorder()];
    client.start(atClient);
    server.start(atServer);
    client.write(Buffer.from("ping"));
    await atServer.until("ping");
    server.write(Buffer.from("pong"));
    await atClient.until("pong");
    client.end();
    await Promise.all([atClient.over, atServer.over]);
    expect([atClient.ends, atServer.ends]).toEqual([[undefined], [undefined]]);
    expect(client.tls).toEqual({
      protocol: "TLSv1.3",
      peerNames: [
        { kind: "dns", value: "localhost" },
        { kind: "ip", value: "127.0.0.1" },
      ],
    });
    expect(server.tls).toEqual({ protocol: "TLSv1.3", peerNames: [] });
    expect(server.peer).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it("TLS: runs on a Unix socket as well, by a name", async () => {
    const folder = await mkdtemp(join(tmpdir(), "meshwright-tls-"));
    harness.onClose(() => rm(folder, { recursive: true }));
    const address = { kind: "unix", path: join(folder, "a.sock") } as const;
    const served = await harness.listen({}, address);
    const connect = (tls: ClientTls) =>
      nodeNetwork.connect(address, { timeoutMs: 5000, tls: { ca: harness.ca.ca, ...tls } });
    const client = await connect({ serverName: "localhost" });
    harness.onClose(() => client.destroy());
    expect((await served.accepted()).peer).toBe("unix");
    expect(await messageOf(connect({ serverName: "a.example" }))).toContain('not for DNS "a.example"');
    expect(await messageOf(connect({}))).toContain("set tls.serverName or tls.identity");
  });

  it("TLS: a client that offers no ALPN is refused by the server", async () => {
    const served = await harness.listen();
    const client = await harness.tlsClient(served.address, { ALPNProtocols: [] });
    await endOf(client);
    expect(await served.failed()).toMatch(/^TLS handshake of 127\.0\.0\.1:\d+ with .* failed: .*ALPN "h2"/);
    expect(served.streams).toEqual([]);
  });

  it("TLS: a client that offers other protocols only is refused by the server", async () => {
    const served = await harness.listen();
    await messageOf(harness.tlsClient(served.address, { ALPNProtocols: ["http/1.1"] }));
    expect(await served.failed()).toContain('does not speak HTTP/2 over TLS (ALPN "h2")');
    expect(served.streams).toEqual([]);
  });

  it("TLS: a server that knows no ALPN, or no h2, is refused by the client", async () => {
    const silent = await harness.tlsServer({ ALPNProtocols: [] });
    expect(await messageOf(harness.connect(silent))).toContain('did not agree on HTTP/2 (ALPN "h2")');
    const other = await harness.tlsServer({ ALPNProtocols: ["http/1.1"] });
    expect(await messageOf(harness.connect(other))).toContain('does not speak HTTP/2 over TLS (ALPN "h2")');
  });

  it("TLS: version 1.1 is refused on both sides", async () => {
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    const served = await harness.listen();
    await messageOf(harness.tlsClient(served.address, old));
    expect(await served.failed()).toContain("no TLS version that is allowed here (unsupported protocol)");
    const server = await harness.tlsServer(old);
    expect(await messageOf(harness.connect(server))).toContain("no TLS version that is allowed here");
  });

  it("TLS: with 1.3 only, version 1.2 is refused on both sides", async () => {
    const served = await harness.listen({ tls: { ...harness.local, minVersion: "TLSv1.3" } });
    await messageOf(harness.tlsClient(served.address, { maxVersion: "TLSv1.2" }));
    expect(await served.failed()).toContain("see minVersion");
    const server = await harness.tlsServer({ maxVersion: "TLSv1.2" });
    expect(await messageOf(harness.connect(server, { minVersion: "TLSv1.3" }))).toContain("see minVersion");
    expect((await harness.connect(served.address, { minVersion: "TLSv1.3" })).tls?.protocol).toBe("TLSv1.3");
    expect((await harness.connect(server)).tls?.protocol).toBe("TLSv1.2");
  });

  it("TLS: 1.2 without forward secrecy or authenticated encryption is refused", async () => {
    const served = await harness.listen();
    const weak = { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256" } as const;
    await messageOf(harness.tlsClient(served.address, weak));
    expect(await served.failed()).toContain("no shared cipher");
  });

  it("TLS: a client that asks to renegotiate gets nowhere", async () => {
    const served = await harness.listen();
    const client = await harness.tlsClient(served.address, { maxVersion: "TLSv1.2" });
    (await served.accepted()).start(new Recorder());
    const failure = await new Promise<Error>((resolve) => {
      client.once("error", resolve);
      client.renegotiate({}, () => {});
    });
    expect(failure.message).toContain("no renegotiation");
  });
});

describe("the identity of a server", () => {
  it("TLS: a certificate for another name is refused, and the error has both", async () => {
    expect(await harness.refusalOf({ dns: ["a.example"] }, { serverName: "b.example" })).toMatch(
      /can't connect to 127\.0\.0\.1:\d+: the peer's certificate is not for DNS "b\.example": it has DNS "a\.example"; /,
    );
  });

  it("TLS: the host of an address is the name that is expected, and an IP address is one of its own kind", async () => {
    expect(await harness.refusalOf({ dns: ["127.0.0.1"], uri: ["127.0.0.1"] })).toContain(
      'not for IP "127.0.0.1": it has DNS "127.0.0.1", URI "127.0.0.1"',
    );
    expect(await harness.refusalOf({ ip: ["127.0.0.2"] })).toContain('not for IP "127.0.0.1": it has IP "127.0.0.2"');
  });

  it("TLS: a URI in a DNS name and a host in a URI are not what they look like", async () => {
    const uri = "spiffe://cluster.local/ns/a/sa/b";
    const identity = { kind: "names", names: [{ kind: "uri", value: uri }] } as const;
    expect(await harness.refusalOf({ dns: [uri] }, { identity })).toContain(`not for URI "${uri}"`);
    expect(await harness.refusalOf({ uri: ["a.example"] }, { serverName: "a.example" })).toContain(
      'not for DNS "a.example": it has URI "a.example"',
    );
    const served = await harness.listen({ tls: await harness.ca.issue({ uri: [uri] }) });
    expect((await harness.connect(served.address, { identity })).tls?.peerNames).toEqual([{ kind: "uri", value: uri }]);
  });

  it('TLS: a name that contains ", URI:" is one name', async () => {
    const uri = "spiffe://cluster.local/ns/a/sa/b";
    const identity = { kind: "names", names: [{ kind: "uri", value: uri }] } as const;
    const dns = `a.example, URI:${uri}`;
    expect(await harness.refusalOf({ dns: [dns] }, { identity })).toContain(`it has DNS "${dns}"`);
    const other = `https://a.example/, URI:${uri}`;
    expect(await harness.refusalOf({ uri: [other] }, { identity })).toContain(`it has URI "${other}"`);
  });

  it("TLS: the common name is no name", async () => {
    expect(await harness.refusalOf({ commonName: "127.0.0.1" })).toContain("it has no names (subjectAltName;");
    expect(await harness.refusalOf({ commonName: "a.example" }, { serverName: "a.example" })).toContain("no names");
  });

  it("TLS: a wildcard stands for one label", async () => {
    const served = await harness.listen({ tls: await harness.ca.issue({ dns: ["*.a.example"] }) });
    await harness.connect(served.address, { serverName: "b.a.example" });
    for (const serverName of ["a.example", "c.b.a.example"]) {
      expect(await messageOf(harness.connect(served.address, { serverName }))).toContain(`not for DNS "${serverName}"`);
    }
  });

  it("TLS: a certificate that has expired, or is not valid yet, is refused", async () => {
    const hour = 3_600_000;
    const [past, future] = [new Date(Date.now() - hour), new Date(Date.now() + hour)];
    const ip = ["127.0.0.1"];
    const older = new Date(past.getTime() - hour);
    expect(await harness.refusalOf({ ip, notBefore: older, notAfter: past })).toContain("certificate has expired");
    expect(await harness.refusalOf({ ip, notBefore: future, notAfter: new Date(future.getTime() + hour) })).toContain(
      "not valid yet",
    );
  });

  it("TLS: a certificate of an unknown CA is refused, be it of the same name", async () => {
    const other = await createTestCa();
    const served = await harness.listen({ tls: await other.issue({ ip: ["127.0.0.1"] }) });
    expect(await messageOf(harness.connect(served.address))).toMatch(/leads to no root that is trusted here|signature/);
  });
});

/** A second connection of a client, which would resume the session of the first. */
async function secondOf(
  address: { readonly port: number },
  maxVersion: "TLSv1.2" | "TLSv1.3",
  accepted: () => Promise<ByteStream>,
): Promise<TLSSocket> {
  const first = await harness.tlsClient(address, { maxVersion });
  // With 1.3 a session is told after the handshake, whether or not it is of any use.
  const told = new Promise<Buffer>((resolve) => first.once("session", resolve));
  const server = await accepted();
  server.start(new Recorder());
  server.write(Buffer.from("x"));
  first.resume();
  const session = maxVersion === "TLSv1.3" ? await told : first.getSession();
  return await harness.tlsClient(address, { maxVersion, session });
}

describe("TLS sessions", () => {
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    it(`TLS: a client that resumes a session of ${maxVersion} gets a full handshake`, async () => {
      const served = await harness.listen();
      const ours = await secondOf(served.address, maxVersion, () => served.accepted());
      expect(ours.isSessionReused()).toBe(false);
      // The same client does resume with a server of Node's defaults, else this would show nothing.
      const sockets = queue<TLSSocket>();
      const server = await harness.tlsServer({ maxVersion }, sockets.push);
      const accepted = async () => new SocketStream(await sockets.next());
      const others = await secondOf(server, maxVersion, accepted);
      expect(others.isSessionReused()).toBe(true);
      // Whatever the reason would be: such a connection is not used.
      const names = [{ kind: "dns", value: "localhost" }] as const;
      expect(checkPeer(ours, names).kind).toBe("accepted");
      expect(checkPeer(others, names)).toMatchObject({ kind: "refused", reason: expect.stringContaining("resumed") });
    });

    it(`TLS: our client resumes no session of ${maxVersion}, and verifies each time`, async () => {
      const sockets = queue<TLSSocket>();
      const server = await harness.tlsServer({ maxVersion }, sockets.push);
      for (const tls of [{}, {}, { serverName: "localhost" }]) {
        await harness.connect(server, tls);
        expect((await sockets.next()).isSessionReused()).toBe(false);
      }
      expect(await messageOf(harness.connect(server, { serverName: "a.example" }))).toContain(
        'not for DNS "a.example"',
      );
    });
  }
});

describe("client certificates", () => {
  const uri = "spiffe://cluster.local/ns/a/sa/client";

  it("TLS: a server that requires one knows its names", async () => {
    const tls = { ...harness.local, ca: harness.ca.ca, requireClientCertificate: true };
    const served = await harness.listen({ tls });
    await harness.connect(served.address, await harness.ca.issue({ uri: [uri] }));
    expect((await served.accepted()).tls?.peerNames).toEqual([{ kind: "uri", value: uri }]);
  });

  it("TLS: a client without one is refused where it is required, and told so", async () => {
    const tls = { ...harness.local, ca: harness.ca.ca, requireClientCertificate: true };
    const served = await harness.listen({ tls });
    const client = await harness.connect(served.address);
    const recorder = new Recorder();
    client.start(recorder);
    await recorder.over;
    expect(recorder.ends[0]?.message).toContain("the server requires a client certificate (mTLS)");
    expect(await served.failed()).toContain("the client sent no certificate");
    expect(served.streams).toEqual([]);
  });

  it("TLS: a client with one of an unknown CA, or an expired one, is refused", async () => {
    const tls = { ...harness.local, ca: harness.ca.ca, requireClientCertificate: true };
    const served = await harness.listen({ tls });
    const stranger = await (await createTestCa("another ca")).issue({ uri: [uri] });
    await harness.connect(served.address, stranger);
    expect(await served.failed()).toContain("leads to no root that is trusted here");
    const past = new Date(Date.now() - 1000);
    await harness.connect(served.address, await harness.ca.issue({ uri: [uri], notAfter: past }));
    expect(await served.failed()).toContain("certificate has expired");
    expect(served.streams).toEqual([]);
  });

  it("TLS: a client that has one is let in where nobody asks for it, unknown", async () => {
    const served = await harness.listen();
    await harness.connect(served.address, await harness.ca.issue({ uri: [uri] }));
    expect((await served.accepted()).tls?.peerNames).toEqual([]);
  });
});

describe("TLS options that make no sense", () => {
  const address = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
  let other: { readonly cert: string; readonly key: string };
  beforeAll(async () => {
    other = await harness.ca.issue({ dns: ["other"] });
  });

  it.for([
    [
      "no PEM",
      () => ({ ...harness.local, cert: "x" }),
      'tls.cert is not PEM: it has no line that begins with "-----BEGIN "',
    ],
    [
      "a key of another certificate",
      () => ({ ...harness.local, key: other.key }),
      "tls.key is not the private key of tls.cert",
    ],
    ["a CA without a use", () => ({ ...harness.local, ca: harness.ca.ca }), "tls.ca has no effect without"],
    [
      "mTLS without a CA",
      () => ({ ...harness.local, requireClientCertificate: true }),
      "tls.requireClientCertificate needs tls.ca",
    ],
  ] as const)("say so when a server listens: %s", async ([, tls, message]) => {
    expect(await messageOf(nodeNetwork.listen(address, () => {}, { tls: tls() }))).toContain(message);
  });

  it.for([
    ["a certificate without its key", () => ({ cert: harness.local.cert }), "tls.cert and tls.key go together"],
    ["no names", () => ({ identity: { kind: "names", names: [] } as const }), "tls.identity.names is empty"],
    ["a wildcard as the name", () => ({ serverName: "*.a.example" }), '"*.a.example" is not a host name'],
  ] as const)("say so when a client connects: %s", async ([, tls, message]) => {
    const failure = nodeNetwork.connect({ ...address, port: 1 }, { timeoutMs: 1000, tls: tls() });
    expect(await messageOf(failure)).toContain(`can't connect to 127.0.0.1:1: ${message}`);
  });
});
