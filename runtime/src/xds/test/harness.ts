import type { XdsConfig } from "../../config/xds-config.js";
import { createVirtualClock, type VirtualClock } from "../../testing/virtual-clock.js";
import type { AdsEvent } from "../ads-client.js";
import { createXdsClient, type XdsClient } from "../client.js";
import { createScriptedAds, type ScriptedAds } from "./scripted-ads.js";

/** What a watcher was told, in order. */
export interface RecordedWatch extends Disposable {
  readonly configs: readonly XdsConfig[];
  readonly errors: readonly string[];
  /** The last configuration. */
  readonly config: XdsConfig;
}

/** A client against a scripted control plane on virtual time. */
export interface Harness {
  readonly ads: ScriptedAds;
  readonly client: XdsClient;
  readonly clock: VirtualClock;
  readonly events: readonly AdsEvent[];
  watch(target: string): RecordedWatch;
  /** Lets everything run that is due now. */
  settle(): Promise<void>;
}

/** Makes a {@link Harness}; node id "node-1", jitter 0. */
export function createHarness(): Harness {
  const ads = createScriptedAds();
  const clock = createVirtualClock();
  const events: AdsEvent[] = [];
  const client = createXdsClient({
    bootstrap: {
      servers: [{ uri: "127.0.0.1:15010", features: [] }],
      node: { id: "node-1", cluster: "shop", locality: undefined, metadata: { GENERATOR: "grpc" } },
      clientListenerTemplate: "%s",
    },
    transport: ads,
    clock,
    rng: () => 0.5,
    onEvent: (event) => events.push(event),
  });
  return {
    ads,
    client,
    clock,
    events,
    settle: () => clock.advance(0),
    watch(target) {
      const configs: XdsConfig[] = [];
      const errors: string[] = [];
      const watch = client.watch(target, {
        onConfig: (config) => configs.push(config),
        onError: (message) => errors.push(message),
      });
      return {
        configs,
        errors,
        get config() {
          const config = configs.at(-1);
          if (config === undefined) throw new Error(`no configuration for ${target}; errors: ${errors.join(" | ")}`);
          return config;
        },
        [Symbol.dispose]: () => watch[Symbol.dispose](),
      };
    },
  };
}
