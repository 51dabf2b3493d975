import { describe, expect, it } from "vitest";
import { type FuzzOptions, type FuzzResult, fuzz, replay } from "../dist/engine/supervisor.js";
import type { Target } from "../src/engine/target.js";

// The worker is compiled code, so these tests run what `tsc -b` made.
async function toy(name: string, options: Partial<FuzzOptions> = {}): Promise<FuzzOptions> {
  const targetUrl = new URL(`./toys/${name}.mjs`, import.meta.url).href;
  const { target } = (await import(targetUrl)) as { readonly target: Target };
  return {
    target,
    targetUrl,
    seed: 1,
    maxExecs: 200_000,
    corpus: [],
    isBlind: false,
    hangMs: 500,
    onProgress: () => {},
    signal: new AbortController().signal,
    ...options,
  };
}

const figures = ({ execs, corpus, finding }: FuzzResult): unknown => ({
  execs,
  corpus,
  finding: finding?.input,
});

describe("fuzz", () => {
  it("finds its way through nested comparisons by coverage, and makes the input small", async () => {
    const { finding, execs } = await fuzz(await toy("nested-comparisons"));
    expect(finding?.kind).toBe("exception");
    expect(finding?.message).toContain("the planted bug");
    expect(Buffer.from(finding?.input ?? []).toString()).toBe("msh");
    expect(execs).toBeLessThan(200_000);
  });

  it("does not find it blind, with as many executions", async () => {
    const { finding, execs } = await fuzz(await toy("nested-comparisons", { isBlind: true }));
    expect(finding).toBeUndefined();
    expect(execs).toBe(200_000);
  });

  it("does the same again for the same seed", async () => {
    const options = await toy("nested-comparisons", { seed: 7, maxExecs: 5000 });
    expect(figures(await fuzz(options))).toEqual(figures(await fuzz(options)));
  });

  it("ends early when it is stopped, and tells how far it came", async () => {
    const stopping = new AbortController();
    const onProgress = (): void => stopping.abort();
    const options = { isBlind: true, maxExecs: 1e12, onProgress, signal: stopping.signal };
    const { finding, execs } = await fuzz(await toy("nested-comparisons", options));
    expect(finding).toBeUndefined();
    expect(execs).toBeGreaterThan(0);
  });

  it("finds a loop without an end from outside", async () => {
    const { finding } = await fuzz(await toy("endless-loop"));
    expect(finding?.kind).toBe("hang");
    expect(finding?.input[2]).toBe(0xff);
  });

  it("finds a rejection that nobody handles, and the input that makes it", async () => {
    const { finding } = await fuzz(await toy("rejection"));
    expect(finding?.kind).toBe("rejection");
    expect(finding?.message).toContain("nobody waits");
    expect(finding?.input[1]).toBe(0x80);
  });
});

describe("replay", () => {
  it("finds again what an input does, and nothing in others", async () => {
    const options = await toy("nested-comparisons");
    expect(await replay(options, [Buffer.from("mss"), Buffer.from("ms")])).toBeUndefined();
    const finding = await replay(options, [Buffer.from("mss"), Buffer.from("msh!")]);
    expect(finding?.message).toContain("the planted bug");
  });
});
