import { describe, expect, it } from "vitest";
import { readCorpus } from "../src/corpus-file.js";
import type { Target } from "../src/engine/target.js";
import { target as connection } from "../src/targets/connection.js";
import { target as deframer } from "../src/targets/deframer.js";
import { target as hpack } from "../src/targets/hpack.js";

const noted = (): void => {};

describe.for<Target>([hpack, connection, deframer])("$name", (target) => {
  it("runs its seeds and its corpus without a finding", async () => {
    const inputs = [...target.seeds, ...(await readCorpus(target.name))];
    expect(inputs.length).toBeGreaterThan(target.seeds.length);
    for (const input of inputs) {
      const copy = Buffer.from(input);
      const run = (): void => target.run(copy, copy.length, noted);
      expect(run, `input ${copy.toString("hex")}`).not.toThrow();
    }
  });

  it("runs the same input twice in the same way", async () => {
    for (const input of await readCorpus(target.name)) {
      const runs = [1, 2].map(() => {
        const features: number[] = [];
        target.run(Buffer.from(input), input.length, (feature) => features.push(feature));
        return features;
      });
      expect(runs[0]).toEqual(runs[1]);
    }
  });
});
