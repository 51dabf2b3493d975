import { Random } from "../engine/random.js";
import { compare } from "./compare.js";
import { NodeProcess } from "./node-process.js";
import { askOurServer } from "./our-server.js";
import { makeSequence } from "./sequence.js";
import { type SequenceFacts, sequenceFacts } from "./sequence-facts.js";

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
  /** How often node:http2 died. */
  readonly crashes: number;
  readonly differences: readonly CountedDifference[];
}

// Sequences that node is asked about at a time: when it dies, they are lost.
const BATCH = 32;
const ANSWER_MS = 500;
// Without a last PING there is no answer to wait for, but a GOAWAY at most.
const REFUSAL_MS = 20;

/** Asks our server and node's about the same frames. */
export async function runDifferential(maxExecs: number, seed: number): Promise<DifferentialResult> {
  const startMs = performance.now();
  await using node = new NodeProcess();
  const random = new Random(seed);
  const differences = new Map<string, CountedDifference>();
  let accepted = 0;
  let refused = 0;
  for (let execs = 0; execs < maxExecs; execs += BATCH) {
    const questions = Array.from({ length: Math.min(BATCH, maxExecs - execs) }, () => questionOf(makeSequence(random)));
    for (const [index, outcome] of (await node.ask(questions)).entries()) {
      const { bytes, facts, maxWaitMs } = questions[index] as Question;
      const ours = askOurServer(bytes);
      let theirs = outcome;
      let found = compare(ours, theirs, facts);
      if (found.some(({ reason }) => reason === undefined)) {
        const again = await node.askAnew({ bytes, maxWaitMs });
        if (again === undefined) continue;
        theirs = again;
        found = compare(ours, theirs, facts);
      }
      if (ours.isAlive && theirs.isAlive) accepted++;
      else if (!ours.isAlive && !theirs.isAlive) refused++;
      for (const { what, reason } of found) {
        const known = differences.get(reason ?? what);
        if (known === undefined) differences.set(reason ?? what, { what, reason, count: 1, example: bytes });
        else known.count++;
      }
    }
  }
  const seconds = (performance.now() - startMs) / 1000;
  return { execs: maxExecs, seconds, accepted, refused, crashes: node.crashes, differences: [...differences.values()] };
}

interface Question {
  readonly bytes: Buffer;
  readonly facts: SequenceFacts;
  readonly maxWaitMs: number;
}

function questionOf(bytes: Buffer): Question {
  const facts = sequenceFacts(bytes);
  return { bytes, facts, maxWaitMs: facts.hasEnd ? ANSWER_MS : REFUSAL_MS };
}
