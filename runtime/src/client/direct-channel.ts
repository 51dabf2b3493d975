import type { XdsConfig } from "../config/xds-config.js";
import { Channel } from "./channel.js";
import type { ClientDependencies } from "./cluster-handle.js";

const CLUSTER = "direct";
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * A channel to one address, without xDS: it is given the configuration that a control plane would send for a single
 * endpoint, so that everything else is the same.
 */
export function createDirectChannel(address: string, dependencies: ClientDependencies): Channel {
  const config: XdsConfig = {
    target: address,
    virtualHost: {
      name: CLUSTER,
      domains: ["*"],
      routes: [
        {
          name: CLUSTER,
          match: { path: { kind: "prefix", value: "/", ignoreCase: false }, headers: [] },
          action: { kind: "forward", clusters: [{ name: CLUSTER, weight: 1 }] },
        },
      ],
    },
    clusters: new Map([
      [
        CLUSTER,
        {
          kind: "ready",
          cluster: {
            name: CLUSTER,
            edsServiceName: CLUSTER,
            loadBalancer: { kind: "pick_first", shuffle: false },
            maxRequests: Number.POSITIVE_INFINITY,
            connectTimeoutMs: CONNECT_TIMEOUT_MS,
          },
          endpoints: {
            name: CLUSTER,
            priorities: [
              [
                {
                  locality: { region: "", zone: "", subZone: "" },
                  weight: 1,
                  endpoints: [{ address, host: "", port: 0, weight: 1, health: "healthy" }],
                },
              ],
            ],
            drops: [],
          },
        },
      ],
    ]),
  };
  const channel = new Channel(address, dependencies);
  channel.onConfig(config);
  return channel;
}
