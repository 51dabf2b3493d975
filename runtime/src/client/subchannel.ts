import type { ConnectivityState, PickableEndpoint } from "../balance/picker.js";
import type { Clock, Timer } from "../base/clock.js";
import { type Address, type ByteStream, type Network, parseAddress } from "../base/network.js";
import type { Rng } from "../base/rng.js";
import type { Endpoint } from "../config/endpoint.js";
import { http2Limits } from "../http2/limit-presets.js";
import type { Http2Limits } from "../http2/limits.js";
import { openHttp2Session } from "../http2/session.js";
import {
  type ConnectionError,
  ErrorCode,
  type Http2Connection,
  type Http2Options,
  type LimitExceeded,
} from "../http2/types.js";

/** What a {@link Subchannel} is built from; the same for every endpoint of a cluster. */
export interface SubchannelDependencies {
  readonly network: Network;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly http2?: Http2Options;
  /** The server at that address went over a limit. */
  readonly onLimit?: (role: "client", peer: string, exceeded: LimitExceeded) => void;
  /** Milliseconds until a connection attempt fails. */
  readonly connectTimeoutMs: number;
  /** The state changed. Called from IO, never from within `connect` or `close`. */
  onStateChange(subchannel: Subchannel): void;
}

/** A call that waits for a free stream of a connection. */
export interface StreamWaiter {
  /** The connection can take a stream now. Returns without opening one when the call ended meanwhile. */
  onStreamFree(): void;
  /** The connection is gone before a stream was free: pick again. */
  onConnectionLost(): void;
}

// gRPC connection backoff (doc/connection-backoff.md).
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_MULTIPLIER = 1.6;
const BACKOFF_MAX_MS = 120_000;
const BACKOFF_JITTER = 0.2;
// gRFC A8: what a server that wants fewer PINGs says, and what a client makes of it.
const TOO_MANY_PINGS = "ENHANCE_YOUR_CALM: too_many_pings";
const KEEPALIVE_BACKOFF = 2;

/**
 * One endpoint of a cluster and the connection to it.
 *
 * ```
 *            connect()               connected
 *   idle ---------------> connecting ----------> ready
 *    ^                        |                    |  GOAWAY, clean end, no more stream ids
 *    |                        | failed             +-----------------------> idle
 *    |                        v                    |  connection lost
 *    +-- close()            failed <---------------+
 *                             |  after the backoff it connects again and
 *                             |  stays "failed" until that succeeds (gRPC's sticky TRANSIENT_FAILURE)
 *                             +--> ready
 * ```
 */
export class Subchannel implements PickableEndpoint {
  readonly endpoint: Endpoint;
  weight: number;
  inFlight = 0;
  state: ConnectivityState = "idle";
  /** Why the last attempt failed, for people. */
  lastFailure: string | undefined;
  #connection: Http2Connection | undefined;
  readonly #dependencies: SubchannelDependencies;
  readonly #address: Address | undefined;
  #waiters: StreamWaiter[] = [];
  #attempt: AbortController | undefined;
  #backoff: Timer | undefined;
  #failures = 0;
  #connectedAtMs = 0;
  #limits: Http2Limits;
  #closed = false;

  constructor(endpoint: Endpoint, dependencies: SubchannelDependencies) {
    this.endpoint = endpoint;
    this.weight = endpoint.weight;
    this.#dependencies = dependencies;
    this.#limits = http2Limits(dependencies.http2 ?? {});
    this.#address = parseAddress(endpoint.address);
  }

  /** The connection while it takes new streams. */
  get connection(): Http2Connection | undefined {
    return this.#connection;
  }

  /** Starts to connect. Nothing happens unless idle. */
  connect(): void {
    if (this.state !== "idle" || this.#closed) return;
    this.state = "connecting";
    this.#dial();
  }

  /** Queues a call until the connection can take another stream, first come first served. */
  waitForStream(waiter: StreamWaiter): void {
    this.#waiters.push(waiter);
  }

  /** Forgets a call that {@link waitForStream} queued. */
  stopWaiting(waiter: StreamWaiter): void {
    const index = this.#waiters.indexOf(waiter);
    if (index >= 0) this.#waiters.splice(index, 1);
  }

  /** Gives the endpoint up: no new streams; open ones run to their end, then the connection closes. */
  close(): void {
    this.#closed = true;
    this.state = "idle";
    this.#backoff?.cancel();
    this.#attempt?.abort();
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.drain();
    this.#loseWaiters();
  }

  /** Like {@link close}, but open streams end at once. */
  destroy(): void {
    const connection = this.#connection;
    this.close();
    connection?.close(ErrorCode.NO_ERROR, "the mesh was closed");
  }

  /** Whether the connection lasted long enough to begin with the first backoff again. */
  get #didWork(): boolean {
    return this.#dependencies.clock.nowMs() - this.#connectedAtMs >= BACKOFF_BASE_MS;
  }

  #dial(): void {
    const address = this.#address;
    if (address === undefined) {
      this.#dependencies.clock.defer(() => this.#fail(`"${this.endpoint.address}" is not an address`));
      return;
    }
    const attempt = new AbortController();
    this.#attempt = attempt;
    const { network, connectTimeoutMs } = this.#dependencies;
    network.connect(address, { timeoutMs: connectTimeoutMs, signal: attempt.signal }).then(
      (stream) => {
        if (this.#closed) {
          stream.destroy();
          return;
        }
        this.#connection = this.#openSession(stream);
        this.#connectedAtMs = this.#dependencies.clock.nowMs();
        this.#setState("ready");
      },
      (error: unknown) => {
        this.#fail(error instanceof Error ? error.message : String(error));
      },
    );
  }

  #openSession(stream: ByteStream): Http2Connection {
    const { clock, rng } = this.#dependencies;
    const connection = openHttp2Session({
      role: "client",
      stream,
      clock,
      rng,
      options: this.#limits,
      handler: {
        onStream: () => {
          throw new Error("a client connection got a stream from its server");
        },
        onCapacity: () => this.#onCapacity(connection),
        onLimit: (exceeded) => this.#dependencies.onLimit?.("client", this.endpoint.address, exceeded),
        onClose: (error) => this.#onClose(connection, error),
      },
    });
    return connection;
  }

  #onCapacity(connection: Http2Connection): void {
    if (connection !== this.#connection) return;
    if (connection.isDraining) this.#retire();
    else this.#serveWaiters();
  }

  #onClose(connection: Http2Connection, error: ConnectionError | undefined): void {
    // Also when a new connection has taken over since the GOAWAY.
    if (error?.origin === "remote" && error.message.includes(TOO_MANY_PINGS)) this.#pingLess();
    if (connection !== this.#connection) return;
    if (error === undefined) {
      this.#retire();
      return;
    }
    this.#connection = undefined;
    const reason = `${this.endpoint.address}: ${error.message}`;
    if (!this.#didWork) {
      this.#fail(reason);
    } else {
      // A connection that worked for a while was lost: try once at once, then with backoff.
      this.#failures = 0;
      this.lastFailure = reason;
      this.#setState("connecting");
      this.#dial();
    }
    this.#loseWaiters();
  }

  #pingLess(): void {
    const keepaliveTimeMs = this.#limits.keepaliveTimeMs * KEEPALIVE_BACKOFF;
    this.#limits = http2Limits({ ...this.#limits, keepaliveTimeMs });
  }

  /** The server goes away, or the stream ids ran out: streams in flight end there, new ones need another connection. */
  #retire(): void {
    if (this.#didWork) this.#failures = 0;
    this.#connection = undefined;
    this.#setState("idle");
    this.#loseWaiters();
  }

  #serveWaiters(): void {
    while (this.#waiters.length > 0 && this.#connection?.canOpenStream) this.#waiters.shift()?.onStreamFree();
  }

  #loseWaiters(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.onConnectionLost();
  }

  #setState(state: ConnectivityState): void {
    if (this.#closed || this.state === state) return;
    this.state = state;
    this.#dependencies.onStateChange(this);
  }

  #fail(reason: string): void {
    if (this.#closed) return;
    this.lastFailure = reason;
    const { clock, rng } = this.#dependencies;
    const ceilingMs = Math.min(BACKOFF_BASE_MS * BACKOFF_MULTIPLIER ** this.#failures, BACKOFF_MAX_MS);
    this.#failures += 1;
    this.#backoff = clock.setTimer(ceilingMs * (1 + BACKOFF_JITTER * (2 * rng() - 1)), () => this.#dial());
    this.#setState("failed");
  }
}
