import { describe, expect, it, test } from "vitest";
import type { LoadBalancerConfig } from "../config/cluster.js";
import { connectionPlan } from "./connection-plan.js";
import type { ConnectivityState } from "./picker.js";

const ROUND_ROBIN: LoadBalancerConfig = { kind: "round_robin" };
const PICK_FIRST: LoadBalancerConfig = { kind: "pick_first", shuffle: false };

type States = readonly ConnectivityState[];

/** The plan for priorities of one locality each; endpoints are named by priority and position, `0.1` for instance. */
function plan(config: LoadBalancerConfig, priorities: readonly States[], isFailedOver = false) {
  const input = priorities.map((states, priority) => [
    {
      weight: 1,
      endpoints: states.map((state, index) => ({ name: `${priority}.${index}`, state, weight: 1, inFlight: 0 })),
    },
  ]);
  const { connect, isWaitingForPriority } = connectionPlan(config, { priorities: input, drops: [] }, isFailedOver);
  return { connect: connect.map(({ name }) => name), isWaitingForPriority };
}

interface Row {
  readonly name: string;
  readonly priorities: readonly States[];
  readonly isFailedOver?: boolean;
  readonly connect: readonly string[];
  readonly isWaiting: boolean;
}

describe("connectionPlan with a policy that uses every endpoint", () => {
  test.for<Row>([
    { name: "connects nothing without endpoints", priorities: [], connect: [], isWaiting: false },
    {
      name: "connects every idle endpoint of the first priority",
      priorities: [["idle", "connecting", "failed", "idle"]],
      connect: ["0.0", "0.3"],
      isWaiting: false,
    },
    {
      name: "waits for a priority that connects before it uses the next",
      priorities: [["idle", "failed"], ["idle"]],
      connect: ["0.0"],
      isWaiting: true,
    },
    {
      name: "does not wait when the later priorities are empty",
      priorities: [["connecting"], [], []],
      connect: [],
      isWaiting: false,
    },
    {
      name: "connects the next priority at once when all of the first failed",
      priorities: [["failed", "failed"], ["idle", "idle"], ["idle"]],
      connect: ["1.0", "1.1"],
      isWaiting: true,
    },
    {
      name: "passes over a priority without endpoints",
      priorities: [[], ["idle"]],
      connect: ["1.0"],
      isWaiting: false,
    },
    {
      name: "connects the next priority as well once the first took too long",
      priorities: [["connecting", "idle"], ["idle"]],
      isFailedOver: true,
      connect: ["0.1", "1.0"],
      isWaiting: false,
    },
    {
      name: "connects the idle endpoints beside a ready one, and no later priority",
      priorities: [["ready", "idle"], ["idle"]],
      connect: ["0.1"],
      isWaiting: false,
    },
    {
      name: "stops waiting once a later priority is ready",
      priorities: [["failed"], ["ready"], ["idle"]],
      connect: [],
      isWaiting: false,
    },
  ])("$name", ({ priorities, isFailedOver, connect, isWaiting }) => {
    expect(plan(ROUND_ROBIN, priorities, isFailedOver)).toEqual({ connect, isWaitingForPriority: isWaiting });
  });

  it("takes the localities of a priority together", () => {
    const locality = (name: string) => ({
      weight: 1,
      endpoints: [{ name, state: "idle" as const, weight: 1, inFlight: 0 }],
    });
    const { connect } = connectionPlan(ROUND_ROBIN, { priorities: [[locality("a"), locality("b")]], drops: [] }, false);
    expect(connect.map(({ name }) => name)).toEqual(["a", "b"]);
  });
});

describe("connectionPlan with pick_first", () => {
  test.for<Row>([
    { name: "connects the first endpoint alone", priorities: [["idle", "idle"]], connect: ["0.0"], isWaiting: false },
    {
      name: "connects nothing else while one connects",
      priorities: [["failed", "connecting", "idle"]],
      connect: [],
      isWaiting: false,
    },
    {
      name: "connects the next endpoint when the one before it failed",
      priorities: [["failed", "idle", "idle"]],
      connect: ["0.1"],
      isWaiting: false,
    },
    {
      name: "connects nothing else while one is ready",
      priorities: [["idle", "ready", "idle"], ["idle"]],
      connect: [],
      isWaiting: false,
    },
    {
      name: "goes to the next priority when every endpoint failed",
      priorities: [["failed"], ["idle", "idle"]],
      connect: ["1.0"],
      isWaiting: false,
    },
  ])("$name", ({ priorities, connect, isWaiting }) => {
    expect(plan(PICK_FIRST, priorities)).toEqual({ connect, isWaitingForPriority: isWaiting });
  });
});
