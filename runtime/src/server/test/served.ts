import { gzipSync } from "node:zlib";
import { toBinary } from "@bufbuild/protobuf";
import type { Address } from "../../base/network.js";
import { openHttp2Session } from "../../http2/session.js";
import { RecordedStream } from "../../http2/test/scripted-peer.js";
import type { ErrorCode, HeaderFields, Http2Connection, LimitExceeded } from "../../http2/types.js";
import { writeMessagePrefix } from "../../rpc/framing.js";
import { lookup } from "../../rpc/metadata.js";
import { createSimulatedNetwork, type SimulatedNetwork } from "../../testing/simulated-network.js";
import { createVirtualClock, type VirtualClock } from "../../testing/virtual-clock.js";
import { RpcServer, type RpcServerOptions } from "../rpc-server.js";
import { echoMethod, echoService, note } from "./echo-service.js";

const ADDRESS: Address = { kind: "tcp", host: "10.0.0.1", port: 80 };
const CALL: Readonly<Record<string, string>> = {
  ":method": "POST",
  ":scheme": "http",
  ":path": "/test.Echo/Say",
  ":authority": "echo",
  te: "trailers",
  "content-type": "application/grpc",
};

/** A request as a client that may break the rules sends it. A header of undefined is left out. */
export interface RawRequest {
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** The body; several messages are sent one after the other. */
  readonly body?: Uint8Array;
  readonly endStream?: boolean;
  /** Whether the client gives the window back as the answer arrives. */
  readonly consumes?: boolean;
}

/** A server in a simulated network, and a client that speaks HTTP/2 with it. */
export class Served {
  readonly clock: VirtualClock = createVirtualClock();
  readonly network: SimulatedNetwork = createSimulatedNetwork({ clock: this.clock });
  readonly rng = (): number => 0.5;
  readonly server: RpcServer;
  readonly closed: string[] = [];
  /** Limits that the client went over. */
  readonly limits: string[] = [];
  #connection: Http2Connection | undefined;

  constructor(implementation: object, options: Partial<RpcServerOptions> = {}) {
    this.server = new RpcServer(this, { services: [echoService(implementation)], ...options });
  }

  readonly onLimit = (_role: "server", _peer: string, { limit }: LimitExceeded): void => {
    this.limits.push(limit);
  };

  /** The client's connection. */
  get connection(): Http2Connection {
    if (this.#connection === undefined) throw new Error("start comes first");
    return this.#connection;
  }

  async start(): Promise<this> {
    await this.server.listen(ADDRESS);
    const dialed = this.network.connect(ADDRESS, { timeoutMs: 1000 });
    const stream = await dialed;
    this.#connection = openHttp2Session({
      role: "client",
      stream,
      rng: () => 0.5,
      clock: this.clock,
      handler: {
        onStream: () => new RecordedStream(),
        onCapacity: () => {},
        onClose: (error) => this.closed.push(error?.message ?? "in order"),
      },
    });
    await this.clock.advance(0);
    return this;
  }

  /** Sends a request and lets the server come to rest. */
  async send({ headers = {}, body, endStream = true, consumes = true }: RawRequest = {}): Promise<RecordedStream> {
    const fields: string[] = [];
    for (const [name, value] of Object.entries({ ...CALL, ...headers })) {
      if (value !== undefined) fields.push(name, value);
    }
    const recorded = new RecordedStream();
    recorded.consumes = consumes;
    recorded.stream = this.connection.openStream({ fields }, undefined, body === undefined && endStream, recorded);
    if (body !== undefined) recorded.stream.sendData(body, endStream);
    await this.clock.advance(0);
    return recorded;
  }

  /** Sends more of a request's body. */
  async more(recorded: RecordedStream, body: Uint8Array, endStream = false): Promise<void> {
    recorded.stream?.sendData(body, endStream);
    await this.clock.advance(0);
  }

  async reset(recorded: RecordedStream, code: ErrorCode): Promise<void> {
    recorded.stream?.reset(code);
    await this.clock.advance(0);
  }

  /** Ends everything. Answers what is left over: nothing, unless something leaks. */
  async stop(): Promise<{ readonly timers: number; readonly connections: number; readonly calls: number }> {
    this.#connection?.drain();
    const closed = this.server.close(0);
    await this.clock.advance(0);
    await closed;
    this.network.cut(ADDRESS);
    await this.clock.advance(0);
    const { activeCalls: calls } = this.server;
    return { timers: this.clock.pendingTimers, connections: this.network.openConnections, calls };
  }
}

/** Messages of `test.Echo` as the body of a request. */
export function framed(...texts: string[]): Uint8Array {
  const { input } = echoMethod("say");
  return Buffer.concat(
    texts.map((text) => {
      const bytes = toBinary(input, note(text) as never);
      const prefix = new Uint8Array(5);
      writeMessagePrefix(prefix, false, bytes.byteLength);
      return Buffer.concat([prefix, bytes]);
    }),
  );
}

/** The same, each message compressed. */
export function zipped(...texts: string[]): Uint8Array {
  const { input } = echoMethod("say");
  return Buffer.concat(
    texts.map((text) => {
      const bytes = gzipSync(toBinary(input, note(text) as never));
      const prefix = new Uint8Array(5);
      writeMessagePrefix(prefix, true, bytes.byteLength);
      return Buffer.concat([prefix, bytes]);
    }),
  );
}

/** The field of an answer's last header block. */
export function trailer(recorded: RecordedStream, name: string): string | undefined {
  return lookup(recorded.headers.at(-1)?.fields ?? [], name);
}

/** How a call was answered: status and message. */
export function statusOf(recorded: RecordedStream): { code: string | undefined; message: string | undefined } {
  const message = trailer(recorded, "grpc-message");
  return {
    code: trailer(recorded, "grpc-status"),
    message: message === undefined ? undefined : decodeURIComponent(message),
  };
}

/** The first header block of an answer. */
export function head(recorded: RecordedStream): HeaderFields {
  return recorded.headers[0]?.fields ?? [];
}

/** What is left over after a test that leaks nothing. */
export const NOTHING_LEFT = { timers: 0, connections: 0, calls: 0 } as const;
