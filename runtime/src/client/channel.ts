import type { ClusterConfig, XdsConfig } from "../config/xds-config.js";
import { http2Limits } from "../http2/limit-presets.js";
import type { Http2Connection } from "../http2/types.js";
import { compileRoutes, type RouteTable } from "../route/route-table.js";
import { MessageRoom, type MessageRoomLimits } from "../rpc/message-room.js";
import { type ClientDependencies, ClusterHandle } from "./cluster-handle.js";

/** A call that waits for the first configuration of its target. */
export interface RouteWaiter {
  /** There are routes now, or the reason why there are none. */
  onRoutes(): void;
}

/**
 * The live side of one target. It turns each {@link XdsConfig} into a compiled route table over cluster handles; calls
 * read the present table once, when they start.
 */
export class Channel {
  readonly target: string;
  readonly dependencies: ClientDependencies;
  /** Scratch for the prefix of a message; it is copied before the next one is written. */
  readonly prefix: Uint8Array = new Uint8Array(5);
  routes: RouteTable<ClusterHandle> | undefined;
  /** Why there are no routes. */
  failure: string | undefined;
  #config: XdsConfig | undefined;
  #clusters: ReadonlyMap<string, ClusterHandle> = new Map();
  #waiters = new Set<RouteWaiter>();
  readonly #limits: MessageRoomLimits;
  readonly #messageRooms = new WeakMap<Http2Connection, MessageRoom>();

  constructor(target: string, dependencies: ClientDependencies) {
    this.target = target;
    this.dependencies = dependencies;
    this.#limits = http2Limits(dependencies.http2 ?? {});
  }

  /** The clusters in use, by name. */
  get clusters(): ReadonlyMap<string, ClusterHandle> {
    return this.#clusters;
  }

  /** The configuration in force. */
  get config(): XdsConfig | undefined {
    return this.#config;
  }

  /** Takes a complete configuration. New clusters are in place before the routes to them, old ones leave after. */
  onConfig(config: XdsConfig): void {
    const previous = this.#config;
    const previousClusters = this.#clusters;
    this.#config = config;
    if (previous?.clusters !== config.clusters) {
      const clusters = new Map<string, ClusterHandle>();
      for (const [name, cluster] of config.clusters) {
        const handle = previousClusters.get(name);
        handle?.update(cluster);
        clusters.set(name, handle ?? new ClusterHandle(name, cluster, this.dependencies));
      }
      this.#clusters = clusters;
    }
    if (
      this.routes === undefined ||
      previous?.virtualHost !== config.virtualHost ||
      previous.maxStreamDurationMs !== config.maxStreamDurationMs
    ) {
      const { maxStreamDurationMs } = config;
      this.routes = compileRoutes(
        config.virtualHost,
        maxStreamDurationMs === undefined ? {} : { maxStreamDurationMs },
        (name) => this.#resolve(name),
      );
    }
    this.failure = undefined;
    for (const [name, handle] of previousClusters) {
      if (this.#clusters.get(name) !== handle) handle.remove();
    }
    this.#wake();
  }

  /** Takes the news that there is no usable configuration; calls fail with `message` until there is one. */
  onError(message: string): void {
    this.failure = message;
    this.routes = undefined;
    this.#config = undefined;
    const clusters = this.#clusters;
    this.#clusters = new Map();
    for (const handle of clusters.values()) handle.remove();
    this.#wake();
  }

  /** Where the memory of large answers on a connection is set aside. */
  messageRoom(connection: Http2Connection): MessageRoom {
    let room = this.#messageRooms.get(connection);
    if (room === undefined) {
      room = new MessageRoom(this.dependencies.clock, this.#limits);
      this.#messageRooms.set(connection, room);
    }
    return room;
  }

  /** Queues a call until there are routes. */
  wait(waiter: RouteWaiter): void {
    this.#waiters.add(waiter);
  }

  /** Forgets a call that {@link wait} queued. */
  stopWaiting(waiter: RouteWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** Ends every connection; calls in flight and later ones fail, the latter with `reason`. */
  close(reason = "the mesh was closed"): void {
    this.failure = reason;
    this.routes = undefined;
    this.#config = undefined;
    const clusters = this.#clusters;
    this.#clusters = new Map();
    for (const handle of clusters.values()) handle.destroy();
    this.#wake();
  }

  #resolve(name: string): ClusterHandle {
    const known = this.#clusters.get(name);
    if (known !== undefined) return known;
    const config: ClusterConfig = { kind: "failed", message: `cluster "${name}" is not in the configuration` };
    return new ClusterHandle(name, config, this.dependencies);
  }

  #wake(): void {
    if (this.#waiters.size === 0) return;
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const waiter of waiters) waiter.onRoutes();
  }
}
