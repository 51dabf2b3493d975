import { defineConfig } from "vitest/config";
import { TableReporter } from "./interop/attacks/support/table-reporter.js";

// Attacks and long runs against processes of their own, in real time: one at a time, or they measure each other.
export default defineConfig({
  test: {
    include: ["**/*.attack.ts", "**/*.soak.ts"],
    pool: "forks",
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: [new TableReporter(), "default"],
  },
});
