import type { Reporter, TestModule } from "vitest/node";
import type { Measured } from "./measure.js";

interface Row extends Measured {
  readonly id: string;
  readonly name: string;
}

const COLUMNS: readonly (readonly [title: string, width: number, cell: (row: Row) => string | number])[] = [
  ["id", 4, (row) => row.id],
  ["attack", 58, (row) => row.name],
  ["end", 42, (row) => row.outcome],
  ["held MiB", 8, (row) => row.memoryMiB],
  ["RSS MiB", 8, (row) => row.rssMiB],
  ["CPU ms", 8, (row) => row.victimCpuMs],
  ["attacker", 8, (row) => row.attackerCpuMs],
  ["p99 idle", 8, (row) => row.p99IdleMs],
  ["p99 ms", 8, (row) => row.p99Ms],
  ["p99 else", 8, (row) => row.p99ControlMs],
  ["failed", 6, (row) => row.failures],
];

/** Prints what each attack cost, before the runner's own summary. */
export class TableReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows = modules.flatMap((module) =>
      [...module.children.allTests()].flatMap((test) => {
        const { attack } = test.meta() as { attack?: Row };
        return attack === undefined ? [] : [attack];
      }),
    );
    if (rows.length === 0) return;
    const line = (cells: readonly (string | number)[]): string =>
      cells
        .map((cell, index) => {
          const width = COLUMNS[index]?.[1] ?? 0;
          return typeof cell === "number" ? cell.toFixed(1).padStart(width) : cell.slice(0, width).padEnd(width);
        })
        .join("  ");
    rows.sort((a, b) => a.id[0]?.localeCompare(b.id[0] ?? "") || Number(a.id.slice(1)) - Number(b.id.slice(1)));
    console.log(`\n${line(COLUMNS.map(([title]) => title))}`);
    for (const row of rows) {
      console.log(line(COLUMNS.map(([, , cell]) => cell(row))));
      for (const complaint of row.complaints) console.log(`      ! ${complaint}`);
    }
    console.log("");
  }
}
