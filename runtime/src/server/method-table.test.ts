import { create, createFileRegistry } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import type { ServiceRegistration } from "../codegenv1/types.js";
import { createMethodTable } from "./method-table.js";

const NAMES = ["hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "constructor", "toString"];

const service = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: "test/odd.proto",
    package: "test",
    syntax: "proto3",
    messageType: [{ name: "Note" }],
    service: [
      { name: "Odd", method: NAMES.map((name) => ({ name, inputType: ".test.Note", outputType: ".test.Note" })) },
    ],
  }),
  () => undefined,
).getService("test.Odd");

function table(implementation: object) {
  return createMethodTable([{ service: { service }, implementation } as unknown as ServiceRegistration], []);
}

describe("createMethodTable", () => {
  it.for(NAMES)("B4: takes nothing that every object has for a handler: %s", (name) => {
    expect(table({}).find(`/test.Odd/${name}`)).toEqual({
      kind: "unimplemented",
      message: `test.Odd.${name} has no handler`,
    });
  });

  it("B4: serves such a method when there is a handler for it", () => {
    expect(table({ hasOwnProperty: () => true }).find("/test.Odd/hasOwnProperty").kind).toBe("served");
  });

  it.for(["__proto__", "/__proto__/constructor", "constructor", "/test.Odd/__proto__", ""])(
    "B4: finds nothing at %j",
    (path) => {
      expect(table({}).find(path).kind).toBe("unimplemented");
    },
  );
});
