/** What a cluster stands for. */
export interface ClusterName {
  readonly port: number;
  readonly subset: string;
  readonly host: string;
}

/** Istio's name of a cluster, of its endpoints and, without a subset, of a route configuration. */
export function clusterName({ port, subset, host }: ClusterName): string {
  return `outbound|${port}|${subset}|${host}`;
}

/** Reads {@link clusterName}. */
export function parseClusterName(name: string): ClusterName | undefined {
  const match = /^outbound\|(\d{1,5})\|([^|]*)\|([^|]+)$/.exec(name);
  return match === null ? undefined : { port: Number(match[1]), subset: match[2] ?? "", host: match[3] ?? "" };
}

/** Reads the name of a listener, `host:port`. */
export function parseListenerName(name: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^([^:]+):(\d{1,5})$/.exec(name);
  return match === null ? undefined : { host: match[1] ?? "", port: Number(match[2]) };
}
