import { describe, expect, it } from "vitest";
import type { CertificateName } from "../base/tls.js";
import { expectedNames, listNames, matchesIdentity } from "./peer-identity.js";

const dns = (value: string): CertificateName => ({ kind: "dns", value });
const uri = (value: string): CertificateName => ({ kind: "uri", value });
const ip = (value: string): CertificateName => ({ kind: "ip", value });

describe("matchesIdentity", () => {
  it.for([
    ["the same host", dns("a.example"), dns("a.example"), true],
    ["a host in other letters", dns("A.Example"), dns("a.eXample"), true],
    ["another host", dns("b.example"), dns("a.example"), false],
    ["a wildcard for one label", dns("*.example.com"), dns("a.example.com"), true],
    ["a wildcard for no label", dns("*.example.com"), dns("example.com"), false],
    ["a wildcard for two labels", dns("*.example.com"), dns("b.a.example.com"), false],
    ["a wildcard for a whole domain", dns("*.com"), dns("example.com"), false],
    ["a wildcard alone", dns("*"), dns("localhost"), false],
    ["a wildcard that is not the first label", dns("a.*.com"), dns("a.example.com"), false],
    ["a wildcard that is a part of a label", dns("a*.example.com"), dns("ab.example.com"), false],
    ["two wildcards", dns("*.*.com"), dns("a.example.com"), false],
    ["the same URI", uri("spiffe://td/a"), uri("spiffe://td/a"), true],
    ["a URI in other letters", uri("spiffe://td/A"), uri("spiffe://td/a"), false],
    ["a URI that begins the same", uri("spiffe://td/a/b"), uri("spiffe://td/a"), false],
    ["a wildcard in a URI", uri("spiffe://td/*"), uri("spiffe://td/a"), false],
    ["a URI as DNS name", dns("spiffe://td/a"), uri("spiffe://td/a"), false],
    ["a host as URI", uri("a.example"), dns("a.example"), false],
    ["an address as DNS name", dns("10.0.0.1"), ip("10.0.0.1"), false],
    ["an address as URI", uri("10.0.0.1"), ip("10.0.0.1"), false],
    ["the same address", ip("10.0.0.1"), ip("10.0.0.1"), true],
  ] as const)("%s", ([, has, wants, isMatch]) => {
    expect(matchesIdentity([has], [wants])).toBe(isMatch);
  });

  it("takes one of several on both sides, and none of none", () => {
    expect(matchesIdentity([dns("x"), uri("u")], [ip("10.0.0.1"), uri("u")])).toBe(true);
    expect(matchesIdentity([], [dns("x")])).toBe(false);
  });
});

describe("expectedNames", () => {
  it.for([
    ["the host", {}, "a.example", [dns("a.example")]],
    ["the host without its last dot", {}, "a.example.", [dns("a.example")]],
    ["an IPv4 address", {}, "10.0.0.1", [ip("10.0.0.1")]],
    ["an IPv6 address in one spelling", {}, "0:0:0:0:0:0:0:1", [ip("::1")]],
    ["the server name instead of the host", { serverName: "b.example" }, "10.0.0.1", [dns("b.example")]],
    [
      "the identity instead of both",
      { serverName: "b", identity: { kind: "names", names: [uri("u")] } },
      "c",
      [uri("u")],
    ],
    ["the address when the identity says so", { identity: { kind: "address" } }, "c", [dns("c")]],
  ] as const)("%s", ([, tls, host, names]) => {
    expect(expectedNames(tls, host)).toEqual(names);
  });

  it.for([
    ["a path without a name", {}, undefined, "set tls.serverName or tls.identity"],
    ["an empty label", { serverName: "a..b" }, undefined, '"a..b" is not a host name'],
    ["an address as host name", { identity: { kind: "names", names: [dns("10.0.0.1")] } }, "c", "is not a host name"],
    ["a host as address", { identity: { kind: "names", names: [ip("a.example")] } }, "c", "is not an IP address"],
    [
      "an address with a zone",
      { identity: { kind: "names", names: [ip("fe80::1%eth0")] } },
      "c",
      "is not an IP address",
    ],
  ] as const)("refuses %s", ([, tls, host, message]) => {
    expect(() => expectedNames(tls, host)).toThrow(message);
  });
});

describe("listNames", () => {
  it("keeps apart what could be read as several names", () => {
    expect(listNames([dns('a", URI "b'), ip("::1")])).toBe('DNS "a\\", URI \\"b", IP "::1"');
  });
});
