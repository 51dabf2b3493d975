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

/** The shorter spellings of a full name: `foo.ns.svc`, `foo.ns`, and `foo` for those of the same namespace. */
export function shortNames(host: string, { namespace, domain }: HostDefaults): string[] {
  const suffix = `.svc.${domain}`;
  if (!host.endsWith(suffix)) return [];
  const inside = host.slice(0, -suffix.length);
  const own = `.${namespace}`;
  const bare = inside.endsWith(own) ? [inside.slice(0, -own.length)] : [];
  return [`${inside}.svc`, inside, ...bare];
}
