import type { DestinationRule } from "@meshwright/proto/istio/networking/v1alpha3/destination_rule_pb";
import {
  ServiceEntry_Resolution,
  type WorkloadEntry,
} from "@meshwright/proto/istio/networking/v1alpha3/service_entry_pb";
import { INTERFACE_PORT, interfaceHostName } from "@meshwright/runtime";
import type { IstioObject, Path, Problem } from "../yaml/istio-object.js";
import { checkRoutes } from "./check-routes.js";
import { expandHost, type HostDefaults } from "./hosts.js";
import type { HostRoutes, MeshModel, Service, ServicePort } from "./mesh-model.js";
import { UNKNOWN_HOST, unknownHost } from "./unknown-host.js";
import { interfaceLabel, matchesLabels, parseLocality, type Workload } from "./workload.js";

/** The servers that registered themselves. */
export interface Registrations {
  readonly workloads: readonly Workload[];
  /**
   * Every interface that was registered at some time: a host that is known stays known when its last server leaves, or
   * the configuration that names it would become wrong.
   */
  readonly interfaces: ReadonlySet<string>;
}

/** The outcome of {@link buildModel}. The model is not to be used when a problem is an error. */
export interface BuiltModel {
  readonly model: MeshModel;
  readonly problems: readonly Problem[];
}

type ObjectOf<K extends IstioObject["kind"]> = Extract<IstioObject, { kind: K }>;

const LARGEST_PORT = 65_535;

/** Puts configuration objects and registrations together and checks what they say of each other. */
export function buildModel(
  objects: readonly IstioObject[],
  registrations: Registrations,
  defaults: HostDefaults,
): BuiltModel {
  const problems: Problem[] = [];
  const complain = (
    object: IstioObject,
    path: Path,
    message: string,
    severity: Problem["severity"] = "error",
  ): void => {
    const problem: Problem = {
      severity,
      where: object.at(path),
      message: `${object.kind} "${object.name}": ${message}`,
    };
    problems.push(message.startsWith(UNKNOWN_HOST) ? { ...problem, mayHeal: true } : problem);
  };
  const inNamespace = (object: IstioObject): HostDefaults => ({ ...defaults, namespace: object.namespace });

  const entries = objects.filter((object): object is ObjectOf<"WorkloadEntry"> => object.kind === "WorkloadEntry");
  const selectable = [
    ...entries.map((entry) => entryWorkload(entry.name, entry.namespace, entry.spec)),
    ...registrations.workloads,
  ];
  const services = new Map<string, Service>();
  for (const object of objects) {
    if (object.kind !== "ServiceEntry") continue;
    const { spec } = object;
    if (spec.hosts.length === 0) complain(object, [], "hosts is empty, expected one at least");
    if (
      spec.resolution === ServiceEntry_Resolution.DNS ||
      spec.resolution === ServiceEntry_Resolution.DNS_ROUND_ROBIN
    ) {
      complain(
        object,
        ["resolution"],
        "resolution DNS is not supported yet; use STATIC with endpoints or a workloadSelector",
      );
    }
    const ports: ServicePort[] = [];
    for (const [index, { number, name, targetPort }] of spec.ports.entries()) {
      if (number < 1 || number > LARGEST_PORT)
        complain(object, ["ports", index, "number"], `port ${number} must be in 1 to ${LARGEST_PORT}`);
      ports.push({ number, name, targetPort: targetPort === 0 ? number : targetPort });
    }
    if (ports.length === 0) complain(object, [], "ports is empty, expected one at least");
    const selector = spec.workloadSelector?.labels;
    const workloads =
      selector === undefined
        ? spec.endpoints.map((endpoint, index) => entryWorkload(`${object.name}-${index}`, object.namespace, endpoint))
        : // Istio: a selector reaches its own namespace only.
          selectable.filter(
            ({ labels, namespace }) => namespace === object.namespace && matchesLabels(labels, selector),
          );
    for (const [index, { address }] of spec.endpoints.entries()) {
      if (address === "") complain(object, ["endpoints", index], "an endpoint needs an address");
    }
    for (const [index, name] of spec.hosts.entries()) {
      const host = expandHost(name, inNamespace(object));
      if (services.has(host)) complain(object, ["hosts", index], `host "${host}" is declared twice`);
      services.set(host, { host, namespace: object.namespace, ports, workloads });
    }
  }
  addInterfaces(services, registrations, defaults.namespace);

  const rules = new Map<string, DestinationRule>();
  for (const object of objects) {
    if (object.kind !== "DestinationRule") continue;
    const host = expandHost(object.spec.host, inNamespace(object));
    if (object.spec.host === "") complain(object, [], "host is missing");
    else if (!services.has(host)) complain(object, ["host"], unknownHost(host, services));
    if (rules.has(host)) complain(object, ["host"], `host "${host}" has two DestinationRules; merge them into one`);
    const seen = new Set<string>();
    for (const [index, { name }] of object.spec.subsets.entries()) {
      if (name === "") complain(object, ["subsets", index], "a subset needs a name");
      if (seen.has(name)) complain(object, ["subsets", index, "name"], `subset "${name}" is declared twice`);
      seen.add(name);
    }
    rules.set(host, object.spec);
  }

  const routes = new Map<string, HostRoutes>();
  for (const object of objects) {
    if (object.kind !== "VirtualService") continue;
    const { spec, name, namespace } = object;
    if (spec.gateways.length > 0 && !spec.gateways.includes("mesh")) {
      complain(object, ["gateways"], "applies to gateways only and has no effect inside the mesh", "warning");
      continue;
    }
    checkRoutes(object, services, rules, inNamespace(object), (path, message) => complain(object, path, message));
    const http = spec.http.map((route) => ({
      ...route,
      match: route.match.filter(({ gateways }) => gateways.length === 0 || gateways.includes("mesh")),
    }));
    // A route whose every match was for gateways must not turn into one that matches all.
    const kept = http.filter((route, index) => route.match.length > 0 || spec.http[index]?.match.length === 0);
    for (const [index, given] of spec.hosts.entries()) {
      const host = expandHost(given, inNamespace(object));
      if (!services.has(host)) complain(object, ["hosts", index], unknownHost(host, services));
      const rival = routes.get(host);
      if (rival !== undefined)
        complain(
          object,
          ["hosts", index],
          `host "${host}" already has the VirtualService "${rival.name}"; merge them into one`,
        );
      routes.set(host, { name, namespace, spec, http: kept });
    }
  }
  return { model: { services, routes, rules }, problems };
}

/** An interface that servers registered is a host of the mesh even when no ServiceEntry declares it. */
function addInterfaces(
  services: Map<string, Service>,
  { workloads, interfaces }: Registrations,
  namespace: string,
): void {
  for (const name of interfaces) {
    const host = interfaceHostName(name);
    if (services.has(host)) continue;
    const label = interfaceLabel(name);
    services.set(host, {
      host,
      namespace,
      ports: [{ number: INTERFACE_PORT, name: "grpc", targetPort: INTERFACE_PORT }],
      workloads: workloads.filter(({ labels }) => labels[label] === "1"),
    });
  }
}

function entryWorkload(name: string, namespace: string, entry: WorkloadEntry): Workload {
  return {
    name,
    namespace,
    address: entry.address,
    labels: entry.labels,
    weight: Math.max(1, entry.weight),
    locality: parseLocality(entry.locality),
    isDraining: false,
    portFor: (port, targetPort) => entry.ports[port] ?? targetPort,
  };
}
