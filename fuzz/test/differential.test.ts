import { describe, expect, it } from "vitest";
import { runDifferential } from "../dist/differential/run.js";

describe("runDifferential", () => {
  it("finds no difference between our server and node's that has no reason", async () => {
    const { accepted, refused, differences } = await runDifferential(200, 1);
    expect(accepted).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(20);
    const unexplained = differences.filter(({ reason }) => reason === undefined);
    expect(unexplained.map(({ what, example }) => `${what}: ${example.toString("hex")}`)).toEqual([]);
  });
});
