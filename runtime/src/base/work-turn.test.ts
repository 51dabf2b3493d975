import { describe, expect, it } from "vitest";
import { createVirtualClock } from "../testing/virtual-clock.js";
import { WorkTurn } from "./work-turn.js";

const MAX_TURN_MS = 5;

/** A turn, and a piece of work that takes 1 ms; returns whether the next one has to wait. */
function turnOf(piecesPerLook?: number): { readonly turn: WorkTurn; work(): boolean; readonly looks: () => number } {
  let nowMs = 0;
  let looks = 0;
  const now = (): number => {
    looks += 1;
    return nowMs;
  };
  const turn = new WorkTurn({ ...createVirtualClock(), nowMs: now }, MAX_TURN_MS, piecesPerLook);
  const work = (): boolean => {
    const isOver = turn.isOver();
    nowMs += 1;
    return isOver;
  };
  return { turn, work, looks: () => looks };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("WorkTurn", () => {
  it("is over when it took longer than its time, until others had their turn", async () => {
    const { work } = turnOf();
    for (let round = 0; round < 3; round++) {
      expect(Array.from({ length: 8 }, work)).toEqual([false, false, false, false, false, false, true, true]);
      await nextTurn();
    }
  });

  it("does not count the time between turns", async () => {
    const { work } = turnOf();
    for (let round = 0; round < 20; round++) {
      expect(work()).toBe(false);
      await nextTurn();
    }
  });

  it("goes on with what waited, in order and once each", async () => {
    const { turn, work } = turnOf();
    while (!work());
    const done: string[] = [];
    const first = (): unknown => done.push("first");
    turn.next(first);
    turn.next(() => done.push(turn.isOver() ? "over" : "second"));
    turn.next(first);
    expect(done).toEqual([]);
    await nextTurn();
    await nextTurn();
    expect(done).toEqual(["first", "second"]);
  });

  it("looks at the clock once for so many pieces", () => {
    const { work, looks } = turnOf(16);
    for (let piece = 0; piece < 15; piece++) work();
    expect(looks()).toBe(0);
    work();
    expect(looks()).toBe(1);
    while (!work());
    expect(looks()).toBe(2);
    work();
    expect(looks()).toBe(2);
  });
});
