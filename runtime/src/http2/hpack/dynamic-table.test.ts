import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DynamicTable } from "./dynamic-table.js";

function entries(table: DynamicTable): string[] {
  return Array.from({ length: table.count }, (_, position) => `${table.nameAt(position)}=${table.valueAt(position)}`);
}

describe("DynamicTable", () => {
  it("puts the newest entry first and evicts the oldest (RFC 7541 section 2.3.2)", () => {
    const table = new DynamicTable(34 * 2);
    for (const name of ["a", "b", "c"]) table.add(name, "1", true);
    expect(entries(table)).toEqual(["c=1", "b=1"]);
    expect(table.freeBytes).toBe(0);
  });

  it("is emptied by an entry that is larger than itself (RFC 7541 section 4.4)", () => {
    const table = new DynamicTable(100);
    table.add("a", "1", true);
    table.add("b", "x".repeat(68), true);
    expect(entries(table)).toEqual([]);
    expect(table.freeBytes).toBe(100);
  });

  it("evicts as far as a smaller size asks, and keeps the rest", () => {
    const table = new DynamicTable(4096);
    for (let index = 0; index < 50; index++) table.add("n", String(index), true);
    table.resize(35 * 2);
    expect(entries(table)).toEqual(["n=49", "n=48"]);
  });

  it("finds the newest field and name, and nothing that is gone", () => {
    const table = new DynamicTable(34 * 3);
    for (const value of ["1", "2", "3", "4"]) table.add("a", value, true);
    expect([table.findField("a", "4"), table.findField("a", "2"), table.findField("a", "1")]).toEqual([0, 2, -1]);
    expect([table.findName("a"), table.findName("b")]).toEqual([0, -1]);
  });

  it("remembers which entries are illegal", () => {
    const table = new DynamicTable(4096);
    for (let index = 0; index < 40; index++) table.add("n", "v", index % 3 === 0);
    expect(Array.from({ length: 40 }, (_, position) => table.isLegalAt(position))).toEqual(
      Array.from({ length: 40 }, (_, position) => (39 - position) % 3 === 0),
    );
  });

  it("behaves like a list that is cut at its size", () => {
    const add = fc.record({ kind: fc.constant("add" as const), value: fc.string({ maxLength: 60 }) });
    const resize = fc.record({ kind: fc.constant("resize" as const), bytes: fc.nat(600) });
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 8, arbitrary: add }, resize), { maxLength: 80 }), (steps) => {
        const table = new DynamicTable(500);
        let maxBytes = 500;
        let model: string[] = [];
        const size = (): number => model.reduce((sum, value) => sum + value.length + 33, 0);
        for (const step of steps) {
          if (step.kind === "resize") {
            maxBytes = step.bytes;
            table.resize(maxBytes);
          } else {
            table.add("n", step.value, true);
            model = [step.value, ...model];
          }
          while (size() > maxBytes) {
            // An entry larger than the table takes all others with it.
            if (step.kind === "add" && step.value.length + 33 > maxBytes) model = [];
            else model.pop();
          }
          expect(entries(table)).toEqual(model.map((value) => `n=${value}`));
          expect(table.freeBytes).toBe(maxBytes - size());
        }
      }),
    );
  });
});
