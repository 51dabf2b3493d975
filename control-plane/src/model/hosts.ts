/** Where short host names belong. */
export interface HostDefaults {
  readonly namespace: string;
  /** "cluster.local", for instance. */
  readonly domain: string;
}

/** The full name of a host as Istio expands it: a name without dots belongs to the namespace of its object. */
export function expandHost(host: string, { namespace, domain }: HostDefaults): string {
  const lower = host.toLowerCase();
  return lower.includes(".") ? lower : `${lower}.${namespace}.svc.${domain}`;
}
