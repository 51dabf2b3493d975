import { create } from "@bufbuild/protobuf";
import { CodeGeneratorRequestSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crafted, only, run, serviceOf } from "../test/crafted.js";

const SERVICE = [6, 0];
const SYNTAX = [12];
const PACKAGE = [2];

function withComments(text: string): string {
  const location = [SYNTAX, PACKAGE, SERVICE, [...SERVICE, 2, 0]].map((path, line) => ({
    path,
    span: [line, 0, 1],
    leadingComments: text,
    trailingComments: text,
    leadingDetachedComments: [text],
  }));
  return only(crafted([{ sourceCodeInfo: { location } }]));
}

/** What is left of code without comments, read as a TypeScript lexer does; our strings hold no quotes. */
function bare(code: string): string {
  return code.replace(/"[^"\n]*"|\/\*[\s\S]*?\*\/|\/\/[^\n\r\u2028\u2029]*/g, (found) =>
    found.startsWith('"') ? found : "",
  );
}

describe("checkRequest", () => {
  it.for([
    "../x.proto",
    "/abs.proto",
    "a/../../x.proto",
    "./x.proto",
    "a//b.proto",
    "C:\\x.proto",
    "c:x.proto",
    "a\0b.proto",
    "a\nb.proto",
    "a\u2028b.proto",
    "dir./x.proto",
    "x..proto",
    "x .proto",
    ".proto",
    "x",
    "",
  ])("refuses the file name %j", (name) => {
    const { error, file } = run(crafted([{ name }]));
    expect(error).toContain(`proto file ${JSON.stringify(name)}: expected a relative path`);
    expect(file).toEqual([]);
  });

  it.for([
    { name: "a service that is code", init: { service: [serviceOf("S {} alert(1); //", [])] }, found: "service" },
    { name: "a method that is code", init: { service: [serviceOf("S", ["a(){}}; alert(1)//"])] }, found: "method" },
    { name: "a package that ends a comment", init: { package: "a*/alert(1)/*" }, found: "package" },
    { name: "a message that is code", init: { messageType: [{ name: "M } from 'x'" }] }, found: "message" },
    {
      name: "a nested message that is code",
      init: { messageType: [{ name: "M", nestedType: [{ name: "a-b" }] }] },
      found: "message",
    },
    { name: "an enum that is code", init: { enumType: [{ name: "E;" }] }, found: "enum" },
  ])("refuses $name", ({ init, found }) => {
    const { error, file } = run(crafted([init]));
    expect(error).toMatch(
      new RegExp(`^acme/f0\\.proto: ${found} ".*": expected letters, digits and "_"; rename it$`, "s"),
    );
    expect(file).toEqual([]);
  });

  it("refuses files that one disk in two takes for the same", () => {
    expect(run(crafted([{ name: "a/B.proto" }, { name: "a/b.proto" }])).error).toBe(
      "a/b.proto: differs from a/B.proto in upper and lower case only; rename one of them",
    );
  });

  it("refuses a file that comes twice", () => {
    const request = crafted([{ name: "a.proto" }]);
    request.protoFile.push(...request.protoFile);
    expect(run(request).error).toBe("proto file a.proto: is in the request twice; expected once");
  });

  it("refuses options that would leave their comment", () => {
    expect(run(crafted([{}], "target=ts,rewrite_imports=a:b\nalert(1)")).error).toContain(
      "expected no control characters",
    );
  });

  it("refuses a request without files", () => {
    expect(run(create(CodeGeneratorRequestSchema, {})).error).toContain("names no file to generate");
  });
});

describe("tameComments", () => {
  it.for(["a\ralert(1)", "a\r\nalert(1)", "a\u2028alert(1)", "a\u2029alert(1)", "*/ alert(1) /*", "a\n*/alert(1)//"])(
    "keeps %j a comment wherever it stands",
    (text) => {
      expect(bare(withComments(text))).not.toContain("alert");
      expect(bare(withComments(text)).trim()).toBe(bare(withComments("harmless")).trim());
    },
  );

  it.for(["/ <reference path='evil.d.ts' />", "# sourceMappingURL=evil", "@ sourceURL=evil"])(
    "makes no order to a tool of %j",
    (text) => {
      expect(withComments(text)).not.toMatch(/^\/\/[/#@]/m);
    },
  );

  it("adds no statement, whatever the comments say", () => {
    const expected = bare(withComments("harmless")).replace(/\s+/g, " ");
    const piece = fc.constantFrom(
      "*/",
      "/*",
      "//",
      "/",
      "*",
      "\r",
      "\n",
      "\u2028",
      "\u2029",
      "`",
      "${",
      '"',
      "\\",
      "x;",
      "\0",
    );
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 12 }), (pieces) => {
        expect(bare(withComments(pieces.join(""))).replace(/\s+/g, " ")).toBe(expected);
      }),
    );
  });

  it("leaves the caller's request as it is", () => {
    const request = crafted([
      { sourceCodeInfo: { location: [{ path: SERVICE, span: [0, 0, 1], leadingComments: "a\rb" }] } },
    ]);
    run(request);
    expect(request.protoFile[0]?.sourceCodeInfo?.location[0]?.leadingComments).toBe("a\rb");
  });
});
