import { describe, expect, it } from "vitest";
import { ResourceCache } from "./resource-cache.js";
import type { ResourceType } from "./resource-types.js";

/** A cache of texts that counts what it decodes; "bad" is refused. */
function createTextCache() {
  const decoded: string[] = [];
  const type: ResourceType<string> = {
    label: "text",
    typeUrl: "type.googleapis.com/test.Text",
    isComplete: true,
    decode(name, bytes) {
      const resource = new TextDecoder().decode(bytes);
      decoded.push(resource);
      return resource === "bad" ? { kind: "invalid", message: `text "${name}": bad` } : { kind: "ok", resource };
    },
  };
  const cache = new ResourceCache(type);
  let changes = 0;
  cache.watch("t", () => {
    changes += 1;
  });
  const receive = (text: string, version: string) => cache.receive("t", new TextEncoder().encode(text), version);
  return { cache, decoded, receive, changes: () => changes };
}

describe("ResourceCache", () => {
  it("neither decodes nor tells of bytes that it has, but takes their version", () => {
    const { cache, decoded, receive, changes } = createTextCache();
    receive("one", "1");
    receive("one", "2");
    expect(decoded).toEqual(["one"]);
    expect(changes()).toBe(1);
    expect(cache.state("t")).toEqual({ kind: "ok", resource: "one", version: "2" });
  });

  // A view would keep the whole response in memory for one resource of it: 400 pushes of 250 KB held 100 MB.
  it("keeps bytes of its own, not a view of the response", () => {
    const { cache, decoded } = createTextCache();
    const response = new TextEncoder().encode("--one--");
    cache.receive("t", response.subarray(2, 5), "1");
    response.fill(0);
    cache.receive("t", new TextEncoder().encode("one"), "2");
    expect(decoded).toEqual(["one"]);
  });

  it("keeps the last good one under a bad one, and forgets the complaint when the good one comes again", () => {
    const { cache, receive, changes } = createTextCache();
    receive("one", "1");
    expect(receive("bad", "2")).toBe('text "t": bad');
    expect(cache.state("t")).toEqual({ kind: "ok", resource: "one", version: "1", rejected: 'text "t": bad' });
    receive("one", "3");
    expect(cache.state("t")).toEqual({ kind: "ok", resource: "one", version: "3" });
    expect(changes()).toBe(1);
  });

  it("tells again of a resource that was deleted and came back with the same bytes", () => {
    const { cache, receive, changes } = createTextCache();
    receive("one", "1");
    cache.removeMissing(new Set());
    expect(cache.state("t")?.kind).toBe("absent");
    receive("one", "2");
    expect(cache.state("t")?.kind).toBe("ok");
    expect(changes()).toBe(3);
  });

  it("does not take a resource that never came for deleted", () => {
    const { cache } = createTextCache();
    cache.removeMissing(new Set());
    expect(cache.state("t")?.kind).toBe("requested");
  });
});
