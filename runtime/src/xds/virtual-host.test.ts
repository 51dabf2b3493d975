import { describe, expect, it } from "vitest";
import { selectVirtualHost } from "./virtual-host.js";

const select = (target: string, ...hosts: readonly (readonly string[])[]) =>
  selectVirtualHost(
    { name: "routes", virtualHosts: hosts.map((domains) => ({ name: domains.join(), domains, routes: [] })) },
    target,
  )?.name;

describe("selectVirtualHost", () => {
  it.for<{ name: string; target: string; hosts: string[]; expected: string | undefined }>([
    {
      name: "an exact domain before a suffix",
      target: "a.shop:80",
      hosts: ["*.shop:80", "a.shop:80"],
      expected: "a.shop:80",
    },
    { name: "a suffix before a prefix", target: "a.shop:80", hosts: ["a.*", "*.shop:80"], expected: "*.shop:80" },
    { name: "a prefix before everything", target: "a.shop:80", hosts: ["*", "a.*"], expected: "a.*" },
    { name: "the longer suffix", target: "a.b.shop:80", hosts: ["*.shop:80", "*.b.shop:80"], expected: "*.b.shop:80" },
    { name: "the longer prefix", target: "a.b.shop:80", hosts: ["a.*", "a.b.*"], expected: "a.b.*" },
    { name: "the first of two that fit alike", target: "a:80", hosts: ["*", "*"], expected: "*" },
    { name: "the host without the port", target: "a.shop:80", hosts: ["*", "a.shop"], expected: "a.shop" },
    { name: "without regard to case", target: "A.Shop:80", hosts: ["a.shop:80"], expected: "a.shop:80" },
    { name: "none when no domain fits", target: "a.shop:80", hosts: ["b.shop", "*.bank"], expected: undefined },
    {
      name: "a suffix pattern that stands for nothing only with a character",
      target: ".shop",
      hosts: ["*.shop"],
      expected: undefined,
    },
    { name: "an IPv6 target without its port", target: "[::1]:80", hosts: ["[::1]"], expected: "[::1]" },
  ])("prefers or finds $name", ({ target, hosts, expected }) => {
    expect(select(target, ...hosts.map((host) => [host]))).toBe(expected);
  });
});
