import { describe, expect, it } from "vitest";
import { GREETER, modelOf, problemsOf, virtualService } from "../../test/support.js";
import { interfaceLabel, type Workload } from "./workload.js";

const LINES = GREETER.split("\n").length;
/** A place in what follows {@link GREETER}. */
const at = (line: number, column: number): string => `a.yaml:${LINES + line}:${column}`;
const withRoutes = (http: string): string[] => problemsOf(`${GREETER}---\n${virtualService(http)}`);

const server: Workload = {
  name: "s1",
  namespace: "default",
  address: "127.0.0.1",
  labels: { [interfaceLabel("acme.v1.Greeter")]: "1" },
  weight: 1,
  locality: { region: "", zone: "", subZone: "" },
  isDraining: false,
  portFor: () => 1234,
};

describe("buildModel", () => {
  it.for([
    {
      name: "an unknown host",
      http: "    - route: [{destination: {host: greter.mesh}}]\n",
      problem: `${at(7, 36)}: error: VirtualService "greeter": unknown host "greter.mesh"; did you mean "greeter.mesh"?; known are greeter.mesh; declare it in a ServiceEntry, or start a server that registers it`,
    },
    {
      name: "an unknown subset",
      http: "    - route: [{destination: {host: greeter.mesh, subset: v3}}]\n",
      problem: `${at(7, 58)}: error: VirtualService "greeter": unknown subset "v3" of host "greeter.mesh"; did you mean "v1"?; known are v1, v2`,
    },
    {
      name: "an unknown port",
      http: "    - route: [{destination: {host: greeter.mesh, port: {number: 81}}}]\n",
      problem: `${at(7, 56)}: error: VirtualService "greeter": unknown port 81 of host "greeter.mesh"; known are 80`,
    },
    {
      name: "weights that add up to nothing",
      http: "    - route: [{destination: {host: greeter.mesh, subset: v1}, weight: 0}, {destination: {host: greeter.mesh, subset: v2}}]\n",
      problem: `${at(7, 14)}: error: VirtualService "greeter": the weights add up to 0; give one destination a weight`,
    },
    {
      name: "a route that leads nowhere",
      http: "    - name: x\n",
      problem: `${at(7, 7)}: error: VirtualService "greeter": a route needs a destination (route) or a directResponse`,
    },
    {
      name: "a regex that RE2 does not know",
      http: "    - match: [{uri: {regex: '(?=a)'}}]\n      route: [{destination: {host: greeter.mesh}}]\n",
      problem: `${at(7, 21)}: error: VirtualService "greeter": regex "(?=a)" is not RE2 syntax`,
    },
  ])("refuses $name at its place", ({ http, problem }) => {
    expect(withRoutes(http)[0]).toContain(problem);
  });

  it.for([
    {
      name: "two VirtualServices for one host",
      text: `${GREETER}---\n${virtualService("    - directResponse: {status: 200}\n")}---\n${virtualService("    - directResponse: {status: 200}\n")}`,
      problem: 'host "greeter.mesh" already has the VirtualService "greeter"; merge them into one',
    },
    {
      name: "a host that is declared twice",
      text: `${GREETER}---\n${GREETER}`,
      problem: 'host "greeter.mesh" is declared twice',
    },
    {
      name: "a port out of range",
      text: GREETER.replace("number: 80", "number: 70000"),
      problem: 'a.yaml:7:20: error: ServiceEntry "greeter": port 70000 must be in 1 to 65535',
    },
    {
      name: "a resolution that is not supported",
      text: GREETER.replace("STATIC", "DNS"),
      problem: "resolution DNS is not supported yet; use STATIC with endpoints or a workloadSelector",
    },
  ])("refuses $name", ({ text, problem }) => {
    expect(problemsOf(text).join("\n")).toContain(problem);
  });

  it("makes a host of an interface that a server registered, and keeps it when the server has left", () => {
    const interfaces = new Set(["acme.v1.Greeter"]);
    const host = "acme.v1.greeter.rpc.mesh";
    expect(modelOf("", { workloads: [server], interfaces }).services.get(host)?.workloads).toEqual([server]);
    expect(modelOf("", { workloads: [], interfaces }).services.get(host)?.workloads).toEqual([]);
  });

  it("selects workloads of the namespace of the ServiceEntry only", () => {
    const text = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a}
spec:
  hosts: [a.mesh]
  ports: [{number: 80, name: grpc}]
  workloadSelector: {labels: {app: a}}
${["default", "other"]
  .map(
    (namespace) => `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: w, namespace: ${namespace}}
spec: {address: 10.0.0.1, labels: {app: a}}
`,
  )
  .join("")}`;
    expect(
      modelOf(text)
        .services.get("a.mesh")
        ?.workloads.map(({ namespace }) => namespace),
    ).toEqual(["default"]);
  });

  it("expands short names with the namespace of their object", () => {
    const text = GREETER.replaceAll("greeter.mesh", "greeter");
    expect([...modelOf(text).services.keys()]).toEqual(["greeter.default.svc.cluster.local"]);
  });

  it("passes over a VirtualService for gateways", () => {
    const text = `${GREETER}---\n${virtualService("    - directResponse: {status: 200}\n").replace("hosts:", "gateways: [edge]\n  hosts:")}`;
    expect(problemsOf(text)).toEqual([
      `${at(5, 13)}: warning: VirtualService "greeter": applies to gateways only and has no effect inside the mesh`,
    ]);
  });
});
