import { describe, expect, it } from "vitest";
import { crafted, only, run, serviceOf } from "../test/crafted.js";

function exportsOf(services: readonly string[]): string[] {
  const code = only(crafted([{ service: services.map((name) => serviceOf(name, ["Get"])) }]));
  return [...code.matchAll(/^export (?:function|const|interface) (\w+)/gm)].map(([, name = ""]) => name);
}

describe("serviceNames", () => {
  it.for([
    { name: "drops a trailing Service", services: ["GreeterService"], clients: ["Greeter"] },
    { name: "keeps a name without it", services: ["Greeter"], clients: ["Greeter"] },
    { name: "keeps a name that is nothing but Service", services: ["Service"], clients: ["Service"] },
    { name: "makes a lower-case name a type's name", services: ["greeter"], clients: ["Greeter"] },
    {
      name: "keeps the whole name of the longer of two",
      services: ["GreeterService", "Greeter"],
      clients: ["GreeterService", "Greeter"],
    },
    {
      name: "keeps whole names down a chain",
      services: ["AServiceService", "A", "AService"],
      clients: ["AServiceService", "A", "AService"],
    },
  ])("$name", ({ services, clients }) => {
    const names = exportsOf(services);
    expect(names.filter((name) => /^create.*Client$/.test(name))).toEqual(clients.map((name) => `create${name}Client`));
    expect(new Set(names).size).toBe(names.length);
  });

  it("gives a service its names whatever the order of the services", () => {
    const services = ["Greeter", "GreeterService", "OtherService"];
    expect(exportsOf([...services].reverse()).sort()).toEqual(exportsOf(services).sort());
  });

  it("refuses two services that differ in the case of the first letter only", () => {
    const { error, file } = run(crafted([{ service: [serviceOf("greeter", []), serviceOf("Greeter", [])] }]));
    expect(error).toBe(
      "acme/f0.proto: service acme.p0.greeter: gets the same names in TypeScript as acme.p0.Greeter; expected names " +
        "that differ in more than the case of the first letter; rename one of them, or move it to another file",
    );
    expect(file).toEqual([]);
  });
});
