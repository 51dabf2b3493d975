import type { Clock } from "../base/clock.js";
import {
  type Address,
  type ByteStream,
  type ByteStreamHandler,
  type ConnectOptions,
  formatAddress,
  type Listener,
  type Network,
} from "../base/network.js";

/** A network in memory whose faults are the test's to choose. */
export interface SimulatedNetwork extends Network {
  /** Breaks every open connection to `address`: both ends see a reset. New ones can be made. */
  cut(address: Address): void;
  /** Refuses new connections to `address` while `isRefusing`; open ones live on. */
  refuse(address: Address, isRefusing: boolean): void;
  /** Holds back everything that goes to or from `address` while `isPartitioned`. Afterwards it arrives, in order. */
  partition(address: Address, isPartitioned: boolean): void;
  /** Connections of which an end is still open. */
  readonly openConnections: number;
}

/** What a {@link SimulatedNetwork} runs on. */
export interface SimulatedNetworkDependencies {
  readonly clock: Clock;
}

/** Bytes on their way in one direction above which `write` returns false. */
const HIGH_WATER_BYTES = 64 * 1024;
const FIRST_EPHEMERAL_PORT = 49_152;

/**
 * Makes a network in memory. Nothing arrives before the turn of its sender is over: delivery goes through
 * `clock.defer`.
 *
 * @example
 * ```ts
 * const network = createSimulatedNetwork({ clock: createVirtualClock() });
 * const listener = await network.listen({ kind: "tcp", host: "10.0.0.1", port: 80 }, (stream) => serve(stream));
 * network.cut(listener.address);
 * ```
 */
export function createSimulatedNetwork(dependencies: SimulatedNetworkDependencies): SimulatedNetwork {
  return new MemoryNetwork(dependencies.clock);
}

class MemoryNetwork implements SimulatedNetwork {
  readonly #clock: Clock;
  readonly #listeners = new Map<string, (stream: ByteStream) => void>();
  readonly #links = new Set<Link>();
  readonly #refused = new Set<string>();
  readonly #partitioned = new Set<string>();
  #nextPort = FIRST_EPHEMERAL_PORT;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get openConnections(): number {
    return this.#links.size;
  }

  connect(address: Address, { timeoutMs, signal }: ConnectOptions): Promise<ByteStream> {
    const name = formatAddress(address);
    return new Promise((resolve, reject) => {
      let isSettled = false;
      const settle = (): void => {
        isSettled = true;
        timer.cancel();
        signal?.removeEventListener("abort", onAbort);
      };
      const fail = (reason: string): void => {
        if (isSettled) return;
        settle();
        reject(new Error(`can't connect to ${name}: ${reason}`));
      };
      const onAbort = (): void => fail("the attempt was given up");
      const timer = this.#clock.setTimer(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`));
      if (signal?.aborted) return onAbort();
      signal?.addEventListener("abort", onAbort);
      this.#clock.defer(() => {
        // The far side of a partition does not even refuse: the attempt times out.
        if (isSettled || this.#partitioned.has(name)) return;
        const accept = this.#listeners.get(name);
        if (accept === undefined || this.#refused.has(name)) return fail("connection refused: nobody listens there");
        settle();
        const link = new Link(this.#clock, name, this.#takePort(), () => this.#links.delete(link));
        this.#links.add(link);
        resolve(link.near);
        accept(link.far);
      });
    });
  }

  listen(address: Address, onStream: (stream: ByteStream) => void): Promise<Listener> {
    const isAnyPort = address.kind === "tcp" && address.port === 0;
    const bound: Address = isAnyPort ? { ...address, port: this.#takePort() } : address;
    const name = formatAddress(bound);
    if (this.#listeners.has(name)) {
      return Promise.reject(new Error(`can't listen on ${name}: the address is in use`));
    }
    this.#listeners.set(name, onStream);
    return Promise.resolve({
      address: bound,
      close: () => {
        if (this.#listeners.get(name) === onStream) this.#listeners.delete(name);
        return Promise.resolve();
      },
    });
  }

  cut(address: Address): void {
    for (const link of this.#linksTo(address)) link.cut();
  }

  refuse(address: Address, isRefusing: boolean): void {
    if (isRefusing) this.#refused.add(formatAddress(address));
    else this.#refused.delete(formatAddress(address));
  }

  partition(address: Address, isPartitioned: boolean): void {
    if (isPartitioned) this.#partitioned.add(formatAddress(address));
    else this.#partitioned.delete(formatAddress(address));
    for (const link of this.#linksTo(address)) link.hold(isPartitioned);
  }

  #takePort(): number {
    return this.#nextPort++;
  }

  #linksTo(address: Address): Link[] {
    const name = formatAddress(address);
    return [...this.#links].filter(({ address: linked }) => linked === name);
  }
}

/** One connection: two ends that deliver to each other. */
class Link {
  readonly address: string;
  readonly near: End;
  readonly far: End;
  readonly #onGone: () => void;

  constructor(clock: Clock, address: string, port: number, onGone: () => void) {
    this.address = address;
    this.#onGone = onGone;
    const onClosed = (): void => {
      if (this.near.isClosed && this.far.isClosed) this.#onGone();
    };
    this.near = new End(clock, address, onClosed);
    this.far = new End(clock, `127.0.0.1:${port}`, onClosed);
    this.near.other = this.far;
    this.far.other = this.near;
  }

  cut(): void {
    this.near.close(new Error("connection reset"));
    this.far.close(new Error("connection reset"));
  }

  hold(isHeld: boolean): void {
    this.near.hold(isHeld);
    this.far.hold(isHeld);
  }
}

/** What the other end wrote, then, perhaps, that it ended. */
type Arrival = { readonly kind: "bytes"; readonly bytes: Uint8Array } | { readonly kind: "end" };

class End implements ByteStream {
  readonly peer: string;
  isClosed = false;
  other: End | undefined;
  readonly #clock: Clock;
  readonly #onClosed: () => void;
  readonly #arrivals: Arrival[] = [];
  #arrivedBytes = 0;
  #handler: ByteStreamHandler | undefined;
  #isPaused = false;
  #isHeld = false;
  #isDeliveryQueued = false;
  #didEnd = false;
  #didPeerEnd = false;
  #isDrainDue = false;
  #error: Error | undefined;

  constructor(clock: Clock, peer: string, onClosed: () => void) {
    this.#clock = clock;
    this.peer = peer;
    this.#onClosed = onClosed;
  }

  start(handler: ByteStreamHandler): void {
    this.#handler = handler;
    if (this.isClosed) this.#clock.defer(() => handler.onClose(this.#error));
    else this.#deliverSoon();
  }

  write(bytes: Uint8Array): boolean {
    const { other } = this;
    if (this.isClosed || this.#didEnd || other === undefined) return true;
    const isRoom = other.arrive({ kind: "bytes", bytes });
    if (!isRoom) this.#isDrainDue = true;
    return isRoom;
  }

  flush(): boolean {
    // The other end reads the very same bytes, later.
    return false;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#deliverSoon();
  }

  end(): void {
    if (this.isClosed || this.#didEnd) return;
    this.#didEnd = true;
    this.other?.arrive({ kind: "end" });
    if (this.#didPeerEnd) this.close(undefined);
  }

  destroy(): void {
    if (this.isClosed) return;
    this.close(undefined);
    // As with sockets, what was under way is lost and the other end sees a reset, unless it had all there was.
    this.other?.close(new Error("connection reset"));
  }

  /** Ends this end at once. */
  close(error: Error | undefined): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#error = error;
    this.#arrivals.length = 0;
    const handler = this.#handler;
    if (handler !== undefined) this.#clock.defer(() => handler.onClose(error));
    this.#onClosed();
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#deliverSoon();
  }

  /** The other end sent something. False when so much is under way that it should wait. */
  arrive(arrival: Arrival): boolean {
    if (this.isClosed) return true;
    this.#arrivals.push(arrival);
    if (arrival.kind === "bytes") this.#arrivedBytes += arrival.bytes.byteLength;
    this.#deliverSoon();
    return this.#arrivedBytes < HIGH_WATER_BYTES;
  }

  #deliverSoon(): void {
    if (this.#isDeliveryQueued) return;
    this.#isDeliveryQueued = true;
    this.#clock.defer(() => {
      this.#isDeliveryQueued = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    while (!this.#isPaused && !this.#isHeld && !this.isClosed) {
      const arrival = this.#arrivals.shift();
      if (arrival === undefined) break;
      switch (arrival.kind) {
        case "bytes":
          this.#arrivedBytes -= arrival.bytes.byteLength;
          handler.onBytes(arrival.bytes);
          break;
        case "end":
          this.#didPeerEnd = true;
          // Half-open connections are of no use to HTTP/2: when the peer ends, so does this end.
          if (!this.#didEnd) this.end();
          else this.close(undefined);
          break;
        default:
          arrival satisfies never;
      }
    }
    if (this.#arrivedBytes < HIGH_WATER_BYTES) this.other?.drained();
  }

  /** What this end wrote was read. */
  drained(): void {
    if (!this.#isDrainDue || this.isClosed) return;
    this.#isDrainDue = false;
    this.#handler?.onDrain();
  }
}
