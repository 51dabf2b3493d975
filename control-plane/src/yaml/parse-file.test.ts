import { describe, expect, it } from "vitest";
import { problemsOf } from "../../test/support.js";

const entry = (spec: string): string => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a}
spec:
${spec}`;
const PORTS = "  ports: [{number: 80, name: grpc}]\n";

describe("a file", () => {
  it.for([
    {
      name: "YAML that is none",
      text: "apiVersion: [",
      problem:
        "a.yaml:1:14: error: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
    },
    { name: "a list", text: "- a", problem: "a.yaml:1:1: error: expected an object with apiVersion, kind and spec" },
    {
      name: "an object without a kind",
      text: "apiVersion: networking.istio.io/v1",
      problem:
        "a.yaml:1:1: error: apiVersion and kind must be given, such as networking.istio.io/v1 and VirtualService",
    },
    {
      name: "a kind that is misspelt",
      text: "apiVersion: networking.istio.io/v1\nkind: VirtualServce\nmetadata: {name: a}",
      problem:
        'a.yaml:2:7: error: unknown kind "VirtualServce"; did you mean "VirtualService"?; known are VirtualService, DestinationRule, ServiceEntry, WorkloadEntry',
    },
    {
      name: "a version that is none",
      text: "apiVersion: networking.istio.io/v9\nkind: ServiceEntry\nmetadata: {name: a}",
      problem: 'a.yaml:1:13: error: unknown version "v9" of networking.istio.io; known are v1, v1beta1, v1alpha3',
    },
    {
      name: "an object without a name",
      text: "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {}",
      problem: "a.yaml:3:11: error: ServiceEntry has no metadata.name",
    },
    {
      name: "an unknown field",
      text: entry(`  hosts: [a.b]\n${PORTS}  resolutoin: STATIC\n`),
      problem:
        'a.yaml:7:3: error: unknown field "resolutoin" of ServiceEntry; did you mean "resolution"?; known are hosts, addresses, ports, location, resolution, endpoints, exportTo, workloadSelector',
    },
    {
      name: "a value of the wrong type",
      text: entry("  hosts: a.b\n"),
      problem: 'a.yaml:5:10: error: hosts: found "a.b", expected a list',
    },
    {
      name: "a number out of range",
      text: entry("  hosts: [a.b]\n  ports: [{number: -1, name: grpc}]\n"),
      problem: "a.yaml:6:20: error: number: found -1, expected a whole number of at least 0",
    },
    {
      name: "a word that is no choice",
      text: entry(`  hosts: [a.b]\n${PORTS}  resolution: STATC\n`),
      problem:
        'a.yaml:7:15: error: resolution: found "STATC", expected one of NONE, STATIC, DNS, DNS_ROUND_ROBIN; did you mean "STATIC"?',
    },
    {
      name: "a duration that is none",
      text: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  http:
    - timeout: soon
`,
      problem: 'a.yaml:6:16: error: timeout: found "soon", expected a duration such as "500ms" or "1m30s"',
    },
    {
      name: "a condition that is not supported",
      text: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  http:
    - match: [{queryParams: {a: {exact: b}}}]
`,
      problem: "a.yaml:6:16: error: HTTPMatchRequest.queryParams is not supported yet",
    },
  ])("with $name is refused at its place", ({ text, problem }) => {
    expect(problemsOf(text)[0]).toBe(problem);
  });

  it.for([
    {
      name: "a feature that is not supported",
      text: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a}
spec: {hosts: [a.b], ports: [{number: 80, name: grpc}], subjectAltNames: [x]}
`,
      problem: "a.yaml:4:57: warning: ServiceEntry.subjectAltNames is not supported yet and has no effect",
    },
    {
      name: "another kind of Istio",
      text: "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}",
      problem: "a.yaml:2:7: warning: Gateway of networking.istio.io/v1 is not supported yet and has no effect",
    },
    {
      name: "an object of Kubernetes",
      text: "apiVersion: apps/v1\nkind: Deployment",
      problem: "a.yaml:2:7: warning: Deployment of apps/v1 is not supported yet and has no effect",
    },
  ])("with $name is taken, and the rest is told", ({ text, problem }) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  it("may be empty, hold several documents, aliases and durations as Go writes them", () => {
    expect(problemsOf("")).toEqual([]);
    expect(problemsOf("# nothing\n---\n")).toEqual([]);
    const text = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a}
spec: {hosts: [&host a.b], ports: [{number: 80, name: grpc}]}
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a.b]
  http:
    - timeout: 1m30s
      retries: {attempts: 1, perTryTimeout: 8ms}
      route: [{destination: {host: a.b}}]
`;
    expect(problemsOf(text)).toEqual([]);
  });
});
