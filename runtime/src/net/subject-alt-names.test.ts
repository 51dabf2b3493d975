import { X509Certificate } from "node:crypto";
import { createTestCa } from "@meshwright/interop/certificates";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { subjectAltNames } from "./subject-alt-names.js";

const SEQUENCE = 0x30;
const OID = 0x06;
const OCTETS = 0x04;
const SAN = Buffer.from([0x55, 0x1d, 0x11]);

function der(tag: number, ...contents: Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const { length } = body;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), body]);
  if (length < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, length]), body]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), body]);
}

function text(tag: number, value: string): Buffer {
  return der(tag, Buffer.from(value, "latin1"));
}

/** A certificate as far as the parser looks at it: some fields, then extensions. */
function certificateOf(...extensions: Buffer[]): Buffer {
  return der(
    SEQUENCE,
    der(SEQUENCE, der(0x02, Buffer.from([1])), der(0xa3, der(SEQUENCE, ...extensions))),
    der(SEQUENCE),
  );
}

function extension(id: Uint8Array, value: Buffer, isCritical = false): Buffer {
  const critical = isCritical ? [der(0x01, Buffer.from([0xff]))] : [];
  return der(SEQUENCE, der(OID, id), ...critical, der(OCTETS, value));
}

function san(...names: Buffer[]): Buffer {
  return extension(SAN, der(SEQUENCE, ...names));
}

describe("subjectAltNames", () => {
  let real: Buffer;
  beforeAll(async () => {
    const ca = await createTestCa();
    const { cert } = await ca.issue({
      dns: ["a.example", "*.b.example"],
      uri: ["spiffe://td/x"],
      ip: ["10.0.0.1", "2001:db8::1"],
    });
    real = Buffer.from(new X509Certificate(cert).raw);
  });

  it("reads every kind of a real certificate, in order of its own", () => {
    const found = subjectAltNames(real);
    expect(found.kind === "ok" && found.names).toEqual([
      { kind: "dns", value: "a.example" },
      { kind: "dns", value: "*.b.example" },
      { kind: "uri", value: "spiffe://td/x" },
      { kind: "ip", value: "10.0.0.1" },
      { kind: "ip", value: "2001:db8::1" },
    ]);
  });

  it.for([
    ["no extension", certificateOf(), []],
    [
      "another extension",
      certificateOf(extension(Buffer.from([0x55, 0x1d, 0x12]), der(SEQUENCE, text(0x82, "a")))),
      [],
    ],
    [
      "a critical one",
      certificateOf(extension(SAN, der(SEQUENCE, text(0x82, "a")), true)),
      [{ kind: "dns", value: "a" }],
    ],
    [
      "names of other kinds",
      certificateOf(san(text(0x81, "a@b"), der(0xa4, text(0x0c, "x")), text(0x82, "c"))),
      [{ kind: "dns", value: "c" }],
    ],
    ["a name with commas", certificateOf(san(text(0x82, "a, URI:b"))), [{ kind: "dns", value: "a, URI:b" }]],
    [
      "a name of 300 characters",
      certificateOf(san(text(0x86, "x".repeat(300)))),
      [{ kind: "uri", value: "x".repeat(300) }],
    ],
  ] as const)("reads %s", ([, certificate, names]) => {
    expect(subjectAltNames(certificate)).toEqual({ kind: "ok", names });
  });

  it.for([
    ["a NUL in a name", certificateOf(san(text(0x82, "a.example\0.evil.example"))), "characters that no name has"],
    ["a newline in a name", certificateOf(san(text(0x86, "spiffe://a\nb"))), "characters that no name has"],
    ["a name that is not ASCII", certificateOf(san(text(0x82, "\u00e4.example"))), "characters that no name has"],
    ["an address of 5 bytes", certificateOf(san(der(0x87, Buffer.alloc(5)))), "has 5 bytes"],
    ["the extension twice", certificateOf(san(text(0x82, "a")), san(text(0x82, "b"))), "two subjectAltName extensions"],
    ["no list", certificateOf(extension(SAN, text(0x82, "a"))), "its subjectAltName has tag 130 instead of 48"],
    ["no value", certificateOf(der(SEQUENCE, der(OID, SAN))), "subjectAltName has no value"],
    ["no identifier", certificateOf(der(SEQUENCE)), "an extension has no identifier"],
    ["the indefinite length", Buffer.from([0x30, 0x80, 0, 0]), "a length that DER has not"],
    ["a length with a leading zero", Buffer.from([0x30, 0x82, 0x00, 0x81]), "a length that DER has not"],
    ["a long length for a short value", Buffer.from([0x30, 0x81, 0x01, 0x00]), "a length that DER has not"],
    ["a length of 4 bytes", Buffer.from([0x30, 0x84, 1, 0, 0, 0]), "a length that DER has not"],
    ["a tag of several bytes", Buffer.from([0x3f, 0x81, 0x01, 0x00]), "a tag of several bytes"],
    ["nothing", Buffer.alloc(0), "cut short"],
  ] as const)("refuses %s", ([, certificate, message]) => {
    const found = subjectAltNames(certificate);
    expect(found.kind === "invalid" && found.message).toContain(message);
  });

  it("refuses every certificate that was cut short, and throws for none", () => {
    for (let length = 0; length < real.length; length += 1) {
      expect(subjectAltNames(real.subarray(0, length)).kind).toBe("invalid");
    }
  });

  it("throws for no bytes whatever", () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = Buffer.from(real);
        for (const [at, byte] of changes) changed[at % changed.length] = byte;
        const found = subjectAltNames(changed);
        expect(["ok", "invalid"]).toContain(found.kind);
      }),
      { numRuns: 2000 },
    );
  });
});
