import { readFileSync } from "node:fs";
import { CONNECTION_ERROR_CHANNEL, LIMIT_CHANNEL } from "@meshwright/runtime";
import { type Http2Limits, type Http2Preset, http2Limits, LIMIT_NAMES } from "@meshwright/runtime/wire";
import { describe, expect, it } from "vitest";

const text = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");

/** The cells of every row of the table under a heading, but for its head. */
function table(heading: string): string[][] {
  const [, section = ""] = text.split(`## ${heading}\n`);
  const rows = (section.split("\n## ")[0] ?? "").split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(1).map((row) =>
    row
      .slice(2, -2)
      .split(" | ")
      .map((cell) => cell.trim()),
  );
}

const optionsOf = (cell = ""): string[] => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name ?? "");

const UNITS: readonly (readonly [suffix: string, units: readonly (readonly [string, number])[]])[] = [
  [
    "Bytes",
    [
      ["MiB", 1024 * 1024],
      ["KiB", 1024],
      ["B", 1],
    ],
  ],
  [
    "Ms",
    [
      ["h", 3_600_000],
      ["min", 60_000],
      ["s", 1000],
      ["ms", 1],
    ],
  ],
];

/** A limit as people read it: in the largest unit that leaves no fraction. */
function shown(option: string, preset: Http2Preset): string {
  const value = http2Limits({ preset })[option as keyof Http2Limits];
  if (value === undefined) return `no option ${option}`;
  if (value === Number.POSITIVE_INFINITY) return "none";
  const units = UNITS.find(([suffix]) => option.endsWith(suffix))?.[1];
  const [unit, size] = units?.find(([, bytes]) => value % bytes === 0) ?? ["", 1];
  return `${(value / size).toLocaleString("en-US")} ${unit}`.trim();
}

const counters = table("Limits with a counter");
const others = table("Limits without a counter");

describe("docs/errors.md", () => {
  it("has every counter, and no other", () => {
    expect(counters.map(([counter]) => counter).sort()).toEqual(
      LIMIT_NAMES.map((name) => `\`h2.${name}_exceeded\``).sort(),
    );
  });

  it("has every option once", () => {
    const options = [...counters.map(([, , option]) => option), ...others.map(([option]) => option)].flatMap(optionsOf);
    expect(options.sort()).toEqual(Object.keys(http2Limits({})).sort());
  });

  it("has the defaults of both presets", () => {
    const rows = [
      ...counters.map(([, , option, mesh, edge]) => ({ option, mesh, edge })),
      ...others.map(([option, , mesh, edge]) => ({ option, mesh, edge })),
    ];
    for (const { option, mesh, edge } of rows) {
      const expected = (preset: Http2Preset) => optionsOf(option).map((name) => shown(name, preset));
      expect({ option, mesh, edge }).toEqual({
        option,
        mesh: expected("mesh").join(", "),
        edge: expected("edge").join(", "),
      });
    }
  });

  it("has every diagnostics channel", () => {
    expect(table("Diagnostics channels").map(([channel]) => channel)).toEqual([
      `\`${LIMIT_CHANNEL}\``,
      `\`${CONNECTION_ERROR_CHANNEL}\``,
    ]);
  });
});
