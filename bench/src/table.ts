import type { BenchRatio, BenchRow } from "./result.js";

/** Prints rows and ratios for people. */
export function printTable(rows: readonly BenchRow[], ratios: readonly BenchRatio[]): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? "")))];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => (line[index] ?? "").length)));
  for (const line of lines)
    console.log(
      line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  console.log();
  for (const { name, value, goal, holds } of ratios)
    console.log(`${holds ? "ok" : "NO"}  ${name}: ${value} (goal ${goal})`);
}
