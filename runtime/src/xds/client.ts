import type { Clock } from "../base/clock.js";
import type { Rng } from "../base/rng.js";
import { AdsClient, type AdsEvent } from "./ads-client.js";
import type { AdsTransport } from "./ads-transport.js";
import type { Bootstrap } from "./bootstrap.js";
import { TargetWatch, type XdsConfigWatcher } from "./target-watch.js";

/** What an {@link XdsClient} is built from. */
export interface XdsClientOptions {
  readonly bootstrap: Bootstrap;
  readonly transport: AdsTransport;
  readonly clock: Clock;
  readonly rng: Rng;
  onEvent?(event: AdsEvent): void;
}

/** One resource as the control plane and this process see it. */
export interface XdsResourceStatus {
  readonly type: string;
  readonly name: string;
  readonly state: "requested" | "ok" | "absent" | "invalid";
  readonly version: string;
  /** Why the present or the last version is not used. Empty when all is well. */
  readonly problem: string;
}

/** Follows the configuration of targets over one ADS stream (DESIGN D6). */
export interface XdsClient {
  /** Watches a target `host:port` until disposed. Callbacks come after this returned. */
  watch(target: string, watcher: XdsConfigWatcher): Disposable;
  /** Every resource that is watched. */
  readonly resources: readonly XdsResourceStatus[];
  /** Why there is no stream to the control plane. Undefined when there is one, or none is needed. */
  readonly failure: string | undefined;
  close(): void;
}

/** Makes an {@link XdsClient}. The stream is opened with the first watch. */
export function createXdsClient({ bootstrap, transport, clock, rng, onEvent }: XdsClientOptions): XdsClient {
  const targets = new Set<TargetWatch>();
  const ads = new AdsClient({
    node: bootstrap.node,
    transport,
    clock,
    rng,
    onEvent: (event) => onEvent?.(event),
    onFailureChange: () => {
      for (const target of targets) target.look();
    },
  });
  return {
    watch(target, watcher) {
      const name = bootstrap.clientListenerTemplate.replaceAll("%s", target);
      const watch = new TargetWatch(target, name, ads, watcher, (callback) => clock.defer(callback), bootstrap.node.id);
      targets.add(watch);
      return {
        [Symbol.dispose]() {
          targets.delete(watch);
          watch[Symbol.dispose]();
        },
      };
    },
    get resources() {
      return [...ads.states].flatMap(([type, states]) =>
        [...states].map(([name, state]): XdsResourceStatus => {
          const version = state.kind === "ok" ? state.version : "";
          const problem =
            state.kind === "ok" ? (state.rejected ?? "") : state.kind === "requested" ? "" : state.message;
          return { type, name, state: state.kind, version, problem };
        }),
      );
    },
    get failure() {
      return ads.failure;
    },
    close() {
      for (const target of targets) target[Symbol.dispose]();
      targets.clear();
      ads.close();
    },
  };
}
