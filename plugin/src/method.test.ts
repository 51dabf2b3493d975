import { describe, expect, it } from "vitest";
import { crafted, only, run, serviceOf } from "../test/crafted.js";

const withMethods = (...methods: string[]) => crafted([{ service: [serviceOf("S", methods)] }]);

describe("checkMethods", () => {
  it.for([
    {
      name: "two that become one",
      methods: ["GetX", "getX"],
      message: "acme/f0.proto: method acme.p0.S.getX: becomes getX in TypeScript, as GetX does; rename one of them",
    },
    {
      name: "one that becomes then",
      methods: ["Then"],
      message: "becomes then in TypeScript, and a client with a method then can't be awaited; rename it",
    },
    {
      name: "one that is __proto__",
      methods: ["__proto__"],
      message: "becomes __proto__ in TypeScript, and JavaScript takes __proto__ for the prototype of the client",
    },
  ])("refuses $name", ({ methods, message }) => {
    const { error, file } = run(withMethods(...methods));
    expect(error).toContain(message);
    expect(file).toEqual([]);
  });

  it("takes names that differ in more than the first letter's case", () => {
    expect(only(withMethods("get_x", "getX"))).toContain('  get_x: "/acme.p0.S/get_x",\n  getX: "/acme.p0.S/getX",');
  });
});

describe("propertyName", () => {
  it("is the name that protobuf-es gives", () => {
    expect(only(withMethods("Constructor", "ToString"))).toMatch(
      / {2}constructor\$\(request: [\s\S]*\n {2}toString\$\(/,
    );
  });

  it("is quoted where it would be a constructor", () => {
    expect(only(withMethods("New"))).toContain('  "new"(request: ');
  });
});
