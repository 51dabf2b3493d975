import { Random } from "../engine/random.js";
import { compare } from "./compare.js";
import { NodeServer } from "./node-server.js";
import { askOurServer } from "./our-server.js";
import { makeSequence } from "./sequence.js";
import { sequenceFacts } from "./sequence-facts.js";

/** A difference, how often it came, and one sequence that shows it. */
export interface CountedDifference {
  readonly what: string;
  readonly reason: string | undefined;
  count: number;
  readonly example: Buffer;
}

/** How a differential run ended. */
export interface DifferentialResult {
  readonly execs: number;
  readonly seconds: number;
  readonly accepted: number;
  readonly refused: number;
  readonly differences: readonly CountedDifference[];
}

const ANSWER_MS = 500;
// Without a last PING there is no answer to wait for, but a GOAWAY at most.
const REFUSAL_MS = 20;

/** Asks our server and node's about the same frames. */
export async function runDifferential(maxExecs: number, seed: number): Promise<DifferentialResult> {
  const startMs = performance.now();
  await using nodeServer = await NodeServer.listen();
  const random = new Random(seed);
  const differences = new Map<string, CountedDifference>();
  let accepted = 0;
  let refused = 0;
  for (let execs = 0; execs < maxExecs; execs++) {
    const example = makeSequence(random);
    const ours = askOurServer(example);
    const facts = sequenceFacts(example);
    const theirs = await nodeServer.ask(example, facts.hasEnd ? ANSWER_MS : REFUSAL_MS);
    if (ours.isAlive && theirs.isAlive) accepted++;
    else if (!ours.isAlive && !theirs.isAlive) refused++;
    for (const { what, reason } of compare(ours, theirs, facts)) {
      const known = differences.get(reason ?? what);
      if (known === undefined) differences.set(reason ?? what, { what, reason, count: 1, example });
      else known.count++;
    }
  }
  const seconds = (performance.now() - startMs) / 1000;
  return { execs: maxExecs, seconds, accepted, refused, differences: [...differences.values()] };
}
