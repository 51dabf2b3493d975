import { defineConfig } from "vitest/config";

// Packages import each other through their package exports, so tests run against what is published: `npm test` compiles
// first. Within a package, a test imports the source beside it.
export default defineConfig({
  test: {
    include: ["**/src/**/*.test.ts", "**/test/**/*.test.ts", "scripts/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", "**/gen/**", "**/.cache/**"],
    typecheck: {
      enabled: true,
      checker: "tsc",
      tsconfig: "./tsconfig.test.json",
      include: ["**/src/**/*.test-d.ts", "**/test/**/*.test-d.ts"],
      // Errors outside of type tests are the concern of `npm run check`.
      ignoreSourceErrors: true,
    },
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 15_000,
    hookTimeout: 30_000,
    restoreMocks: true,
    unstubEnvs: true,
  },
});
