import { buildModel, type Registrations } from "../src/model/build-model.js";
import type { HostDefaults } from "../src/model/hosts.js";
import type { MeshModel } from "../src/model/mesh-model.js";
import { parseFile } from "../src/yaml/parse-file.js";

export const DEFAULTS: HostDefaults = { namespace: "default", domain: "cluster.local" };
export const NO_REGISTRATIONS: Registrations = { workloads: [], interfaces: new Set() };

/** A host with two subsets, as most tests need it. */
export const GREETER = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: greeter}
spec:
  hosts: [greeter.mesh]
  resolution: STATIC
  ports: [{number: 80, name: grpc, protocol: GRPC}]
  endpoints:
    - {address: 10.0.0.1, ports: {grpc: 8080}, labels: {version: v1}, locality: eu/a/1, weight: 3}
    - {address: 10.0.0.2, labels: {version: v2}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: greeter}
spec:
  host: greeter.mesh
  subsets:
    - {name: v1, labels: {version: v1}}
    - {name: v2, labels: {version: v2}}
`;

/** A VirtualService for {@link GREETER} with these lines as its `http` routes. */
export function virtualService(http: string): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: greeter}
spec:
  hosts: [greeter.mesh]
  http:
${http}`;
}

/** The errors and warnings of a text, as a person reads them. */
export function problemsOf(text: string, registrations: Registrations = NO_REGISTRATIONS): string[] {
  const { objects, problems } = parseFile("a.yaml", text, DEFAULTS.namespace);
  const built = buildModel(objects, registrations, DEFAULTS);
  return [...problems, ...built.problems].map(({ severity, where, message }) => `${where}: ${severity}: ${message}`);
}

/** The model of a text without problems. */
export function modelOf(text: string, registrations: Registrations = NO_REGISTRATIONS): MeshModel {
  const { objects, problems } = parseFile("a.yaml", text, DEFAULTS.namespace);
  const built = buildModel(objects, registrations, DEFAULTS);
  const all = [...problems, ...built.problems];
  if (all.length > 0) throw new Error(all.map(({ where, message }) => `${where}: ${message}`).join("\n"));
  return built.model;
}
