import type { ClusterEndpoints } from "../config/endpoint.js";
import type { VirtualHost } from "../config/route.js";
import type { ClusterConfig, XdsConfig } from "../config/xds-config.js";
import type { AdsClient } from "./ads-client.js";
import type { ResourceState } from "./resource-cache.js";
import { CLUSTER, ENDPOINTS, LISTENER, type ResourceType, ROUTES } from "./resource-types.js";
import { isSameValue } from "./same-value.js";
import { selectVirtualHost } from "./virtual-host.js";

/** Gets the configuration of one target. */
export interface XdsConfigWatcher {
  /** A complete configuration; parts that did not change keep their identity. */
  onConfig(config: XdsConfig): void;
  /** There is no usable configuration, for this reason. A later `onConfig` recovers. */
  onError(message: string): void;
}

/** One resource that a target needs. */
interface Need {
  readonly type: ResourceType<unknown>;
  readonly name: string;
}

type Outcome =
  | { readonly kind: "incomplete" }
  | { readonly kind: "error"; readonly message: string }
  | { readonly kind: "complete"; readonly config: XdsConfig };

const INCOMPLETE: Outcome = { kind: "incomplete" };

/**
 * Follows the resources of one target, listener -> routes -> clusters -> endpoints, and publishes one complete snapshot
 * (gRFC A74). Each look starts from the listener, takes what the cache has, and asks for what is missing. While
 * something is missing the last snapshot stays in force and nothing it needs is given up.
 */
export class TargetWatch implements Disposable {
  readonly #target: string;
  readonly #listenerName: string;
  readonly #ads: AdsClient;
  readonly #watcher: XdsConfigWatcher;
  readonly #defer: (callback: () => void) => void;
  readonly #nodeId: string;
  #needs = new Map<string, Need>();
  #config: XdsConfig | undefined;
  #error: string | undefined;
  #isLookQueued = false;
  #isDisposed = false;

  constructor(
    target: string,
    listenerName: string,
    ads: AdsClient,
    watcher: XdsConfigWatcher,
    defer: (callback: () => void) => void,
    nodeId: string,
  ) {
    this.#target = target;
    this.#listenerName = listenerName;
    this.#ads = ads;
    this.#watcher = watcher;
    this.#defer = defer;
    this.#nodeId = nodeId;
    this.look();
  }

  /** The present snapshot. */
  get config(): XdsConfig | undefined {
    return this.#config;
  }

  /** Looks again at the end of the turn: one response may change many resources. */
  readonly look = (): void => {
    if (this.#isLookQueued || this.#isDisposed) return;
    this.#isLookQueued = true;
    this.#defer(() => {
      this.#isLookQueued = false;
      if (!this.#isDisposed) this.#look();
    });
  };

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const { type, name } of this.#needs.values()) this.#ads.unwatch(type, name, this.look);
    this.#needs.clear();
  }

  #look(): void {
    const needs = new Map<string, Need>();
    const outcome = this.#assemble(needs);
    if (outcome.kind === "incomplete") {
      // Nothing in force and no way to the control plane: say so instead of letting calls wait in the dark.
      const { failure } = this.#ads;
      if (this.#config === undefined && failure !== undefined) this.#report(failure);
      return;
    }
    for (const [key, { type, name }] of this.#needs) {
      if (!needs.has(key)) this.#ads.unwatch(type, name, this.look);
    }
    this.#needs = needs;
    if (outcome.kind === "error") {
      this.#config = undefined;
      this.#report(outcome.message);
    } else if (outcome.config !== this.#config || this.#error !== undefined) {
      this.#error = undefined;
      this.#config = outcome.config;
      this.#watcher.onConfig(outcome.config);
    }
  }

  #report(message: string): void {
    const whole = `${message} [xds node id: ${this.#nodeId}]`;
    if (whole === this.#error) return;
    this.#error = whole;
    this.#watcher.onError(whole);
  }

  #read<T>(needs: Map<string, Need>, type: ResourceType<T>, name: string): ResourceState<T> {
    const key = `${type.typeUrl}\n${name}`;
    const need: Need = { type, name };
    needs.set(key, need);
    // Kept at once, so that the interest is given up with the target whatever happens in between.
    if (!this.#needs.has(key)) this.#needs.set(key, need);
    return this.#ads.watch(type, name, this.look);
  }

  #assemble(needs: Map<string, Need>): Outcome {
    const listener = this.#read(needs, LISTENER, this.#listenerName);
    if (listener.kind === "requested") return INCOMPLETE;
    if (listener.kind !== "ok") return { kind: "error", message: listener.message };
    const { routes, maxStreamDurationMs } = listener.resource;
    const state = routes.kind === "inline" ? undefined : this.#read(needs, ROUTES, routes.name);
    if (state?.kind === "requested") return INCOMPLETE;
    if (state !== undefined && state.kind !== "ok") return { kind: "error", message: state.message };
    const routeConfig = routes.kind === "inline" ? routes.config : state?.resource;
    const selected = routeConfig && selectVirtualHost(routeConfig, this.#target);
    if (selected === undefined) {
      return {
        kind: "error",
        message: `route configuration "${routeConfig?.name}": no virtual host has a domain for "${this.#target}"`,
      };
    }
    const previous = this.#config;
    // A route configuration holds other targets' virtual hosts too: most changes leave this one alone.
    const isKept = previous !== undefined && isSameValue(previous.virtualHost, selected);
    const virtualHost = isKept ? previous.virtualHost : selected;
    const clusters = this.#assembleClusters(needs, virtualHost);
    if (clusters === undefined) return INCOMPLETE;
    if (
      previous?.virtualHost === virtualHost &&
      previous.clusters === clusters &&
      previous.maxStreamDurationMs === maxStreamDurationMs
    ) {
      return { kind: "complete", config: previous };
    }
    return {
      kind: "complete",
      config: Object.freeze({
        target: this.#target,
        virtualHost,
        clusters,
        ...(maxStreamDurationMs === undefined ? {} : { maxStreamDurationMs }),
      }),
    };
  }

  /** Every cluster of the routes; undefined while one is not known yet. */
  #assembleClusters(needs: Map<string, Need>, virtualHost: VirtualHost): XdsConfig["clusters"] | undefined {
    const previous = this.#config?.clusters;
    const clusters = new Map<string, ClusterConfig>();
    let isComplete = true;
    let isSame = previous !== undefined;
    for (const { action } of virtualHost.routes) {
      if (action.kind !== "forward") continue;
      for (const { name } of action.clusters) {
        if (clusters.has(name)) continue;
        const before = previous?.get(name);
        // All are asked for before any is waited for, so that one request carries all names.
        const config = this.#assembleCluster(needs, name, before);
        if (config === undefined) {
          isComplete = false;
          continue;
        }
        if (config !== before) isSame = false;
        clusters.set(name, config);
      }
    }
    if (!isComplete) return undefined;
    return isSame && previous?.size === clusters.size ? previous : clusters;
  }

  #assembleCluster(
    needs: Map<string, Need>,
    name: string,
    before: ClusterConfig | undefined,
  ): ClusterConfig | undefined {
    const cluster = this.#read(needs, CLUSTER, name);
    if (cluster.kind === "requested") return undefined;
    if (cluster.kind !== "ok") return failed(cluster.message, before);
    const endpoints: ResourceState<ClusterEndpoints> = this.#read(needs, ENDPOINTS, cluster.resource.edsServiceName);
    if (endpoints.kind === "requested") return undefined;
    if (endpoints.kind !== "ok") return failed(endpoints.message, before);
    if (before?.kind === "ready" && before.cluster === cluster.resource && before.endpoints === endpoints.resource) {
      return before;
    }
    return Object.freeze({ kind: "ready", cluster: cluster.resource, endpoints: endpoints.resource });
  }
}

function failed(message: string, before: ClusterConfig | undefined): ClusterConfig {
  return before?.kind === "failed" && before.message === message ? before : Object.freeze({ kind: "failed", message });
}
