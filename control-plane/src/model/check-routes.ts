import type { DestinationRule } from "@meshwright/proto/istio/networking/v1alpha3/destination_rule_pb";
import type { HTTPRoute } from "@meshwright/proto/istio/networking/v1alpha3/virtual_service_pb";
import { RE2JS } from "re2js";
import { didYouMean } from "../yaml/did-you-mean.js";
import type { IstioObject, Path } from "../yaml/istio-object.js";
import { expandHost, type HostDefaults } from "./hosts.js";
import type { Service } from "./mesh-model.js";
import { unknownHost } from "./unknown-host.js";

type Complain = (path: Path, message: string) => void;

/** Checks the routes of a VirtualService against the hosts and subsets that there are. */
export function checkRoutes(
  object: Extract<IstioObject, { kind: "VirtualService" }>,
  services: ReadonlyMap<string, Service>,
  rules: ReadonlyMap<string, DestinationRule>,
  defaults: HostDefaults,
  complain: Complain,
): void {
  const { spec } = object;
  if (spec.hosts.length === 0) complain([], "hosts is empty, expected one at least");
  if (spec.http.length === 0) complain([], "http is empty, expected one route at least");
  for (const [index, route] of spec.http.entries()) {
    const path: Path = ["http", index];
    checkDestinations(route, path, services, rules, defaults, complain);
    checkMatches(route, path, complain);
    if (route.retries !== undefined && route.retries.attempts < 0) {
      complain([...path, "retries", "attempts"], `attempts ${route.retries.attempts} must be at least 0`);
    }
  }
}

function checkDestinations(
  route: HTTPRoute,
  path: Path,
  services: ReadonlyMap<string, Service>,
  rules: ReadonlyMap<string, DestinationRule>,
  defaults: HostDefaults,
  complain: Complain,
): void {
  if (route.route.length === 0 && route.directResponse === undefined) {
    complain(path, "a route needs a destination (route) or a directResponse");
    return;
  }
  let sum = 0;
  for (const [index, { destination, weight }] of route.route.entries()) {
    const at = [...path, "route", index];
    sum += weight;
    if (weight < 0) complain([...at, "weight"], `weight ${weight} must be at least 0`);
    if (destination === undefined || destination.host === "") {
      complain(at, "destination.host is missing");
      continue;
    }
    const host = expandHost(destination.host, defaults);
    const service = services.get(host);
    if (service === undefined) {
      complain([...at, "destination", "host"], unknownHost(host, services));
      continue;
    }
    const subsets = rules.get(host)?.subsets.map(({ name }) => name) ?? [];
    if (destination.subset !== "" && !subsets.includes(destination.subset)) {
      const known =
        subsets.length === 0 ? `no DestinationRule of "${host}" has subsets` : `known are ${subsets.join(", ")}`;
      complain(
        [...at, "destination", "subset"],
        `unknown subset "${destination.subset}" of host "${host}"${didYouMean(destination.subset, subsets)}; ${known}`,
      );
    }
    const port = destination.port?.number;
    if (port !== undefined && !service.ports.some(({ number }) => number === port)) {
      const known = service.ports.map(({ number }) => number).join(", ");
      complain([...at, "destination", "port"], `unknown port ${port} of host "${host}"; known are ${known}`);
    } else if (port === undefined && service.ports.length > 1) {
      complain([...at, "destination"], `host "${host}" has several ports; name one with port.number`);
    }
  }
  if (route.route.length > 1 && sum === 0)
    complain([...path, "route"], "the weights add up to 0; give one destination a weight");
}

function checkMatches(route: HTTPRoute, path: Path, complain: Complain): void {
  for (const [index, match] of route.match.entries()) {
    const at = [...path, "match", index];
    const matchers: [Path, string | undefined][] = [
      [["uri"], regexOf(match.uri)],
      [["method"], regexOf(match.method)],
      [["authority"], regexOf(match.authority)],
      ...Object.entries(match.headers).map(([name, matcher]): [Path, string | undefined] => [
        ["headers", name],
        regexOf(matcher),
      ]),
      ...Object.entries(match.withoutHeaders).map(([name, matcher]): [Path, string | undefined] => [
        ["withoutHeaders", name],
        regexOf(matcher),
      ]),
    ];
    for (const [where, regex] of matchers) {
      if (regex === undefined) continue;
      try {
        RE2JS.compile(regex);
      } catch (error) {
        complain(
          [...at, ...where],
          `regex "${regex}" is not RE2 syntax: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
  }
}

function regexOf(match: HTTPRoute["match"][number]["uri"]): string | undefined {
  return match?.matchType.case === "regex" ? match.matchType.value : undefined;
}
