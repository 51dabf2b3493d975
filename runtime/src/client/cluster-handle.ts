import { connectionPlan } from "../balance/connection-plan.js";
import { createPicker } from "../balance/create-picker.js";
import { reconcile } from "../balance/endpoint-set.js";
import type { Picker, PickerInput, PickResult } from "../balance/picker.js";
import type { Clock, Timer } from "../base/clock.js";
import type { Network } from "../base/network.js";
import type { Rng } from "../base/rng.js";
import type { ClusterConfig } from "../config/xds-config.js";
import type { Http2Options, LimitExceeded } from "../http2/types.js";
import { Subchannel } from "./subchannel.js";

/** What cluster handles and their subchannels share. */
export interface ClientDependencies {
  readonly network: Network;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly http2?: Http2Options;
  /** The server at that address went over a limit. */
  readonly onLimit?: (role: "client", peer: string, exceeded: LimitExceeded) => void;
}

/** A call that waits for a picker that can choose. */
export interface PickWaiter {
  /** There is a new picker: pick again. */
  onPickerChange(): void;
  /** The cluster left the configuration: route again. */
  onClusterRemoved(): void;
}

// gRFC A56: how long a priority may take to connect before the next one is used as well.
const FAILOVER_MS = 10_000;

const QUEUE: PickResult<never> = { kind: "queue" };

/**
 * The live side of one cluster of a target: its subchannels, the picker for their present state, and the calls that
 * wait. Configuration, connectivity and failover each lead to one rebuild at the end of the turn.
 */
export class ClusterHandle {
  readonly name: string;
  /** Calls in flight, for the circuit breaker (gRFC A32). */
  activeCalls = 0;
  maxCalls = 1024;
  #config: ClusterConfig;
  #picker: Picker<Subchannel> = { pick: () => QUEUE };
  #byAddress: ReadonlyMap<string, Subchannel> = new Map();
  #priorities: PickerInput<Subchannel>["priorities"] = [];
  #waiters = new Set<PickWaiter>();
  #isRebuildQueued = false;
  #failover: Timer | undefined;
  #isFailedOver = false;
  #isRemoved = false;
  #lastFailure: string | undefined;
  readonly #dependencies: ClientDependencies;

  constructor(name: string, config: ClusterConfig, dependencies: ClientDependencies) {
    this.name = name;
    this.#dependencies = dependencies;
    this.#config = config;
    this.#apply();
  }

  /** The configuration in force. */
  get config(): ClusterConfig {
    return this.#config;
  }

  /** Whether the cluster left the configuration. */
  get isRemoved(): boolean {
    return this.#isRemoved;
  }

  /** Every endpoint with its connection state, for status pages. */
  get subchannels(): Iterable<Subchannel> {
    return this.#byAddress.values();
  }

  /** Takes a new configuration; endpoints that stay keep their connection. */
  update(config: ClusterConfig): void {
    if (config === this.#config) return;
    this.#config = config;
    this.#apply();
  }

  /** Chooses an endpoint for one attempt. */
  pick(tried?: ReadonlySet<Subchannel>): PickResult<Subchannel> {
    return this.#picker.pick(tried);
  }

  /** Queues a call until the picker changes. */
  wait(waiter: PickWaiter): void {
    this.#waiters.add(waiter);
  }

  /** Forgets a call that {@link wait} queued. */
  stopWaiting(waiter: PickWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** Takes the cluster out of service: calls in flight end normally, waiting ones are routed again. */
  remove(): void {
    this.#leave((subchannel) => subchannel.close());
  }

  /** Ends everything now. */
  destroy(): void {
    this.#leave((subchannel) => subchannel.destroy());
  }

  #leave(close: (subchannel: Subchannel) => void): void {
    this.#isRemoved = true;
    this.#failover?.cancel();
    for (const subchannel of this.#byAddress.values()) close(subchannel);
    this.#byAddress = new Map();
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const waiter of waiters) waiter.onClusterRemoved();
  }

  #apply(): void {
    const config = this.#config;
    if (config.kind === "failed") {
      for (const subchannel of this.#byAddress.values()) subchannel.close();
      this.#byAddress = new Map();
      this.#priorities = [];
      this.#lastFailure = config.message;
    } else {
      const { cluster, endpoints } = config;
      this.maxCalls = cluster.maxRequests;
      const dependencies = {
        ...this.#dependencies,
        connectTimeoutMs: cluster.connectTimeoutMs,
        onStateChange: (subchannel: Subchannel) => this.#onStateChange(subchannel),
      };
      const next = reconcile(this.#byAddress, endpoints, (endpoint) => new Subchannel(endpoint, dependencies));
      this.#byAddress = next.byAddress;
      this.#priorities = next.priorities;
      for (const subchannel of next.removed) subchannel.close();
      if (this.#lastFailure !== undefined && next.byAddress.size === 0) this.#lastFailure = undefined;
    }
    this.#rebuild();
  }

  #onStateChange(subchannel: Subchannel): void {
    if (subchannel.state === "failed") this.#lastFailure = subchannel.lastFailure;
    // Many endpoints change in one turn when a cluster connects; one rebuild serves them all.
    if (this.#isRebuildQueued) return;
    this.#isRebuildQueued = true;
    this.#dependencies.clock.defer(() => {
      this.#isRebuildQueued = false;
      if (!this.#isRemoved) this.#rebuild();
    });
  }

  #rebuild(): void {
    const config = this.#config;
    if (config.kind === "failed") {
      const failed: PickResult<Subchannel> = { kind: "fail", message: config.message };
      this.#picker = { pick: () => failed };
    } else {
      const input: PickerInput<Subchannel> = {
        priorities: this.#priorities,
        drops: config.endpoints.drops,
        ...(this.#lastFailure === undefined ? {} : { lastFailure: this.#lastFailure }),
      };
      const plan = connectionPlan(config.cluster.loadBalancer, input, this.#isFailedOver);
      for (const subchannel of plan.connect) subchannel.connect();
      this.#watchFailover(plan.isWaitingForPriority);
      this.#picker = createPicker(config.cluster.loadBalancer, input, this.#dependencies.rng);
    }
    if (this.#waiters.size === 0) return;
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const waiter of waiters) waiter.onPickerChange();
  }

  #watchFailover(isWaiting: boolean): void {
    if (!isWaiting) {
      this.#failover?.cancel();
      this.#failover = undefined;
      this.#isFailedOver = false;
    } else if (this.#failover === undefined) {
      this.#failover = this.#dependencies.clock.setTimer(FAILOVER_MS, () => {
        this.#isFailedOver = true;
        this.#rebuild();
      });
    }
  }
}
