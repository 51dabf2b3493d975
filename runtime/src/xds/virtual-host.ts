import type { RouteConfig, VirtualHost } from "../config/route.js";

/** How well a domain fits, best first; lower wins, then the longer domain (gRFC A27). */
type Fit = 0 | 1 | 2 | 3;

/**
 * The virtual host for a target `host:port`. Domains are tried against the target and against its host alone, because
 * Envoy's configurations name either.
 */
export function selectVirtualHost({ virtualHosts }: RouteConfig, target: string): VirtualHost | undefined {
  const authority = target.toLowerCase();
  const host = authority.replace(/:\d+$/, "");
  let best: { readonly host: VirtualHost; readonly fit: Fit; readonly length: number } | undefined;
  for (const virtualHost of virtualHosts) {
    for (const domain of virtualHost.domains) {
      const fit = fitOf(domain, authority) ?? fitOf(domain, host);
      if (fit === undefined) continue;
      const isBetter = best === undefined || fit < best.fit || (fit === best.fit && domain.length > best.length);
      if (isBetter) best = { host: virtualHost, fit, length: domain.length };
    }
  }
  return best?.host;
}

function fitOf(domain: string, authority: string): Fit | undefined {
  if (domain === authority) return 0;
  if (domain === "*") return 3;
  if (domain.startsWith("*") && authority.endsWith(domain.slice(1)) && authority.length >= domain.length) return 1;
  if (domain.endsWith("*") && authority.startsWith(domain.slice(0, -1)) && authority.length >= domain.length) return 2;
  return undefined;
}
