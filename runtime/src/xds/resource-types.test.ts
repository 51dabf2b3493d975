import { ClusterSchema } from "@meshwright/proto/envoy/config/cluster/v3/cluster_pb";
import { describe, expect, it } from "vitest";
import { peekName } from "./resource-types.js";
import { anyOf } from "./test/scripted-ads.js";

describe("peekName", () => {
  it.for<{ name: string; text: string }>([
    { name: "short", text: "c" },
    { name: "over 127 bytes", text: "c".repeat(300) },
    { name: "not ASCII", text: "größe" },
  ])("reads a name that is $name", ({ text }) => {
    expect(peekName(anyOf(ClusterSchema, { name: text, altStatName: "x" }).value)).toBe(text);
  });

  it.for<{ name: string; bytes: number[] }>([
    { name: "no bytes", bytes: [] },
    { name: "another field first", bytes: [0x12, 0x01, 0x61] },
    { name: "a length without its bytes", bytes: [0x0a, 0x05, 0x61] },
    { name: "an endless length", bytes: [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff] },
    { name: "a length cut off", bytes: [0x0a, 0x80] },
  ])("finds none in $name", ({ bytes }) => {
    expect(peekName(new Uint8Array(bytes))).toBeUndefined();
  });
});
