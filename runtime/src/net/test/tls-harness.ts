import { connect as connectSocket, createServer, type Socket } from "node:net";
import {
  type ConnectionOptions,
  connect as connectTls,
  createServer as createTlsServer,
  type TLSSocket,
  type TlsOptions,
} from "node:tls";
import type { TestCa, TestCertificate, TestCertificateOptions } from "@meshwright/interop/certificates";
import { createTestCa } from "@meshwright/interop/certificates";
import type { Address, ByteStream, ListenOptions } from "../../base/network.js";
import type { ClientTls } from "../../base/tls.js";
import { nodeNetwork } from "../node-network.js";

type TcpAddress = Address & { readonly kind: "tcp" };

/** A listener of ours, and what it told. */
export interface Served {
  readonly address: TcpAddress;
  readonly streams: ByteStream[];
  readonly limits: string[];
  readonly errors: string[];
  /** Resolves with the next stream that is accepted, or the one that nobody has taken. */
  accepted(): Promise<ByteStream>;
  /** Resolves with the next error that is told, or the one that nobody has taken. */
  failed(): Promise<string>;
  /** Resolves with the next limit that is told, or the one that nobody has taken. */
  limited(): Promise<string>;
}

const LOCALHOST: Address = { kind: "tcp", host: "127.0.0.1", port: 0 };

/** Listeners, peers and certificates of a test. Everything is closed at its end. */
export class TlsHarness {
  readonly #cleanups: (() => unknown)[] = [];
  readonly ca: TestCa;
  /** A certificate for localhost and 127.0.0.1. */
  readonly local: TestCertificate;

  private constructor(ca: TestCa, local: TestCertificate) {
    this.ca = ca;
    this.local = local;
  }

  static async create(): Promise<TlsHarness> {
    const ca = await createTestCa();
    return new TlsHarness(ca, await ca.issue({ dns: ["localhost"], ip: ["127.0.0.1"] }));
  }

  async close(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }

  onClose(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  /** Listens with TLS, as localhost unless `options` say otherwise. */
  async listen(options: ListenOptions = {}, address: Address = LOCALHOST): Promise<Served> {
    const streams = queue<ByteStream>();
    const errors = queue<string>();
    const limits = queue<string>();
    const listener = await nodeNetwork.listen(
      address,
      (stream) => {
        this.onClose(() => stream.destroy());
        streams.push(stream);
      },
      {
        tls: this.local,
        onError: ({ message }) => errors.push(message),
        onLimit: ({ limit, message }) => limits.push(`${limit}: ${message}`),
        ...options,
      },
    );
    this.onClose(() => listener.close());
    return {
      address: listener.address as TcpAddress,
      streams: streams.all,
      errors: errors.all,
      limits: limits.all,
      accepted: streams.next,
      failed: errors.next,
      limited: limits.next,
    };
  }

  /** Connects as a client of the harness' CA. */
  async connect({ port }: { readonly port: number }, tls: ClientTls = {}): Promise<ByteStream> {
    const address: Address = { kind: "tcp", host: "127.0.0.1", port };
    const stream = await nodeNetwork.connect(address, { timeoutMs: 5000, tls: { ca: this.ca.ca, ...tls } });
    this.onClose(() => stream.destroy());
    return stream;
  }

  /** A certificate of the harness' CA on a listener of ours; resolves with why our client refuses it. */
  async refusalOf(names: TestCertificateOptions, tls: ClientTls = {}): Promise<string> {
    const { address } = await this.listen({ tls: await this.ca.issue(names) });
    return messageOf(this.connect(address, tls));
  }

  /** A bare TCP client. */
  rawClient({ port }: { readonly port: number }): Socket {
    const socket = connectSocket({ host: "127.0.0.1", port, noDelay: true });
    // Its end is what a test waits for, an error being one of them.
    socket.on("error", () => {});
    this.onClose(() => socket.destroy());
    return socket;
  }

  /** Node's own TLS client; resolves when its handshake is over. */
  async tlsClient({ port }: { readonly port: number }, options: ConnectionOptions = {}) {
    const base = { host: "127.0.0.1", port, servername: "localhost", ca: this.ca.ca, ALPNProtocols: ["h2"] };
    const socket = connectTls({ ...base, ...options });
    this.onClose(() => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.on("error", reject);
    });
    return socket;
  }

  /** A bare TCP server. */
  rawServer(onSocket: (socket: Socket) => void): Promise<{ readonly port: number }> {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      this.onClose(() => socket.destroy());
      onSocket(socket);
    });
    return this.#bind(server);
  }

  /** Node's own TLS server, as localhost. */
  tlsServer(options: TlsOptions, onSocket: (socket: TLSSocket) => void = () => {}): Promise<{ readonly port: number }> {
    const server = createTlsServer({ ...this.local, ALPNProtocols: ["h2"], ...options }, (socket) => {
      socket.on("error", () => {});
      this.onClose(() => socket.destroy());
      onSocket(socket);
    });
    server.on("tlsClientError", () => {});
    return this.#bind(server);
  }

  async #bind(server: ReturnType<typeof createServer>): Promise<{ readonly port: number }> {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.onClose(() => server.close());
    return server.address() as { port: number };
  }
}

/** Why something failed. */
export async function messageOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error("expected a failure");
}

/** Resolves when a socket is gone, with what it got until then. */
export function endOf(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  return new Promise((resolve) => {
    socket.on("end", () => socket.end());
    socket.on("close", () => resolve(text));
  });
}

/** Things that happen, for a test that takes them one by one. */
export function queue<T>(): { readonly all: T[]; push(item: T): void; next(): Promise<T> } {
  const all: T[] = [];
  let taken = 0;
  let wake: () => void = () => {};
  return {
    all,
    push(item) {
      all.push(item);
      wake();
    },
    async next() {
      while (all.length <= taken) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return all[taken++] as T;
    },
  };
}
