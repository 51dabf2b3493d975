/** What a field of Istio that this control plane does not act upon leads to. */
export type Unsupported = "warning" | "error";

const of = (severity: Unsupported, ...fields: string[]): [string, Unsupported][] =>
  fields.map((field) => [field, severity]);

/**
 * Fields of Istio that are known but not acted upon yet, by message. Leaving out a condition of a match would send calls
 * where they must not go, so those are errors; the rest is told and passed over.
 */
const FIELDS: Readonly<Record<string, ReadonlyMap<string, Unsupported>>> = {
  VirtualService: new Map(of("warning", "tls", "tcp")),
  HTTPRoute: new Map([
    ...of("error", "redirect", "rewrite", "delegate"),
    ...of("warning", "fault", "mirror", "mirrors", "mirrorPercent", "mirrorPercentage", "corsPolicy", "headers"),
  ]),
  HTTPMatchRequest: new Map([
    ...of("error", "scheme", "sourceLabels", "queryParams", "sourceNamespace"),
    ...of("warning", "statPrefix"),
  ]),
  HTTPRouteDestination: new Map(of("warning", "headers")),
  HTTPRetry: new Map(of("warning", "retryRemoteLocalities")),
  DestinationRule: new Map(of("warning", "workloadSelector")),
  TrafficPolicy: new Map(of("warning", "outlierDetection", "tls", "tunnel", "proxyProtocol", "retryBudget")),
  PortTrafficPolicy: new Map(of("warning", "outlierDetection", "tls")),
  LoadBalancerSettings: new Map(of("warning", "consistentHash", "localityLbSetting", "warmupDurationSecs", "warmup")),
  TCPSettings: new Map(of("warning", "maxConnections", "tcpKeepalive", "maxConnectionDuration", "idleTimeout")),
  HTTPSettings: new Map(
    of(
      "warning",
      "http1MaxPendingRequests",
      "maxRequestsPerConnection",
      "maxRetries",
      "idleTimeout",
      "h2UpgradePolicy",
      "useClientProtocol",
      "maxConcurrentStreams",
    ),
  ),
  ServiceEntry: new Map(of("warning", "subjectAltNames")),
};

/** What becomes of a field that the message `messageName` of our protos lacks; undefined when Istio lacks it, too. */
export function unsupportedField(messageName: string, field: string): Unsupported | undefined {
  return FIELDS[messageName]?.get(field);
}
