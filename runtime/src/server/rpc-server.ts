import type { Interceptor } from "@connectrpc/connect";
import type { Clock } from "../base/clock.js";
import { type Address, type ByteStream, formatAddress, type Listener, type Network } from "../base/network.js";
import type { Rng } from "../base/rng.js";
import type { ServerTls } from "../base/tls.js";
import { WorkTurn } from "../base/work-turn.js";
import type { ServiceRegistration } from "../codegenv1/types.js";
import { http2Limits } from "../http2/limit-presets.js";
import type { Http2Limits } from "../http2/limits.js";
import { openHttp2Session } from "../http2/session.js";
import { perTenSeconds } from "../http2/token-bucket.js";
import { ErrorCode, type Http2Connection, type Http2Options, type LimitExceeded } from "../http2/types.js";
import { Decompressor } from "../rpc/decompressor.js";
import { MessageRoom } from "../rpc/message-room.js";
import { sendCompression } from "../rpc/outgoing.js";
import { accept } from "./accept.js";
import { createMethodTable, type MethodTable } from "./method-table.js";
import type { CallEnvironment } from "./server-call.js";

/** Options of a server. */
export interface RpcServerOptions {
  readonly services: readonly ServiceRegistration[];
  /** Run around every handler, the first one outermost. */
  readonly interceptors?: readonly Interceptor[];
  /** Largest request message that is accepted, bytes. Defaults to `http2.maxMessageBytes`, 4 MiB. */
  readonly readMaxBytes?: number;
  /** Compresses the messages that are sent, when the peer can read that. Defaults to no compression. */
  readonly sendCompression?: "gzip";
  /** Smallest message that is compressed, bytes. Defaults to 1 KiB. */
  readonly compressMinBytes?: number;
  readonly http2?: Http2Options;
  /** Speaks TLS. Absent: plaintext. */
  readonly tls?: ServerTls;
  /** Milliseconds that `close` waits for calls in flight. Defaults to 30 s. */
  readonly shutdownGraceMs?: number;
}

/** What a server runs on. */
export interface RpcServerDependencies {
  readonly network: Network;
  readonly clock: Clock;
  readonly rng: Rng;
  /** A client, at that address, went over a limit. */
  readonly onLimit?: (role: "server", peer: string, exceeded: LimitExceeded) => void;
  /** A connection could not be accepted, or its TLS handshake failed. */
  readonly onConnectionError?: (error: Error) => void;
}

const DEFAULT_SHUTDOWN_GRACE_MS = 30_000;
// A message takes a few microseconds: the clock would be a noticeable part of that.
const MESSAGES_PER_LOOK = 16;

/** Serves gRPC on any number of addresses until it is closed. */
export class RpcServer {
  readonly #dependencies: RpcServerDependencies;
  readonly #options: RpcServerOptions;
  readonly #methods: MethodTable;
  readonly #limits: Http2Limits;
  readonly #environment: Omit<CallEnvironment, "messageRoom" | "decompressor" | "onLimit">;
  readonly #listeners: Listener[] = [];
  readonly #connections = new Set<Http2Connection>();
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #activeCalls = 0;

  constructor(dependencies: RpcServerDependencies, options: RpcServerOptions) {
    this.#dependencies = dependencies;
    this.#options = options;
    this.#limits = http2Limits(options.http2 ?? {});
    const { maxMessageBytes, maxTurnMs } = this.#limits;
    this.#methods = createMethodTable(options.services, options.interceptors ?? [], this.#limits);
    const compression = sendCompression(options.sendCompression, options.compressMinBytes);
    this.#environment = {
      clock: dependencies.clock,
      readMaxBytes: options.readMaxBytes ?? maxMessageBytes,
      prefix: new Uint8Array(5),
      turn: new WorkTurn(dependencies.clock, maxTurnMs, MESSAGES_PER_LOOK),
      ...(compression === undefined ? {} : { compression }),
      onCallStart: () => {
        this.#activeCalls += 1;
      },
      onCallEnd: () => {
        this.#activeCalls -= 1;
      },
    };
  }

  /** Handlers at work. */
  get activeCalls(): number {
    return this.#activeCalls;
  }

  /** Listens on one more address; resolves with the real one when port 0 was asked for. */
  async listen(address: Address): Promise<Address> {
    if (this.#closing !== undefined)
      throw new Error(`can't listen on ${formatAddress(address)}: the server was closed`);
    const { tls } = this.#options;
    const { tlsHandshakeTimeoutMs, maxConnections } = this.#limits;
    const listener = await this.#dependencies.network.listen(address, (stream) => this.#onStream(stream), {
      ...(tls === undefined ? {} : { tls }),
      tlsHandshakeTimeoutMs,
      maxConnections,
      onLimit: ({ limit, peer, message }) => this.#dependencies.onLimit?.("server", peer, { limit, message }),
      onError: (error) => this.#dependencies.onConnectionError?.(error),
    });
    if (this.#closing !== undefined) {
      await listener.close();
      throw new Error(`can't listen on ${formatAddress(address)}: the server was closed meanwhile`);
    }
    this.#listeners.push(listener);
    return listener.address;
  }

  /**
   * Stops accepting, tells every client to go elsewhere, waits for the calls in flight up to `graceMs`, then ends what
   * is left. Later calls return the same promise.
   */
  close(graceMs: number = this.#options.shutdownGraceMs ?? DEFAULT_SHUTDOWN_GRACE_MS): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    const closedListeners = Promise.all(this.#listeners.map((listener) => listener.close()));
    for (const connection of [...this.#connections]) connection.drain();
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
        const timer = this.#dependencies.clock.setTimer(graceMs, () => {
          for (const connection of [...this.#connections]) {
            connection.close(ErrorCode.NO_ERROR, "the server was closed");
          }
          resolve();
        });
        this.#onIdle = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    await closedListeners;
  }

  #onStream(stream: ByteStream): void {
    const onLimit = (exceeded: LimitExceeded): void => this.#dependencies.onLimit?.("server", stream.peer, exceeded);
    const messageRoom = new MessageRoom(this.#dependencies.clock, this.#limits);
    const decompressor = this.#createDecompressor(onLimit, () => connection);
    const environment: CallEnvironment = { ...this.#environment, messageRoom, decompressor, onLimit };
    const connection: Http2Connection = openHttp2Session({
      role: "server",
      stream,
      clock: this.#dependencies.clock,
      rng: this.#dependencies.rng,
      options: this.#limits,
      handler: {
        onStream: (opened, fields, endStream) => accept(opened, fields, endStream, this.#methods, environment),
        onCapacity: () => {},
        onLimit,
        onClose: () => {
          this.#connections.delete(connection);
          if (this.#connections.size === 0) this.#onIdle?.();
        },
      },
    });
    this.#connections.add(connection);
    // Accepted while the server was closing.
    if (this.#closing !== undefined) connection.drain();
  }

  /** Decompresses for the calls of a connection, which ends when too many of its messages are no good. */
  #createDecompressor(onLimit: (exceeded: LimitExceeded) => void, connection: () => Http2Connection): Decompressor {
    const { clock } = this.#dependencies;
    const budget = perTenSeconds(this.#limits.maxDecompressionFailures);
    let isExceeded = false;
    return new Decompressor((reason) => {
      if (isExceeded || budget.take(clock.nowMs())) return;
      isExceeded = true;
      onLimit({ limit: "decompression_failures", message: reason });
      connection().close(ErrorCode.ENHANCE_YOUR_CALM, "too many messages that can't be decompressed");
    });
  }
}
