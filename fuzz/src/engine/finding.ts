/** Something that must not happen, and the input that makes it happen. */
export interface Finding {
  readonly kind: "exception" | "rejection" | "hang";
  readonly message: string;
  /** The smallest input that was found to do it. */
  readonly input: Uint8Array;
}

/** What identifies a finding while its input is made smaller: the first line, without numbers. */
export function findingKey(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return (text.split("\n", 1)[0] as string).replace(/\d+/g, "0");
}

/** The whole of it, for people. */
export function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
}

/** Removes whatever can be removed while `fails` holds, larger parts first, and then makes bytes zero. */
export function minimiseInput(input: Uint8Array, fails: (input: Uint8Array) => boolean): Uint8Array {
  let best = input;
  for (let size = best.length; size >= 1; size = size >> 1) {
    for (let at = 0; at + size <= best.length; ) {
      const shorter = without(best, at, size);
      if (fails(shorter)) best = shorter;
      else at += size;
    }
  }
  for (let at = 0; at < best.length; at++) {
    if (best[at] === 0) continue;
    const plainer = best.slice();
    plainer[at] = 0;
    if (fails(plainer)) best = plainer;
  }
  return best;
}

function without(bytes: Uint8Array, at: number, count: number): Uint8Array {
  const rest = new Uint8Array(bytes.length - count);
  rest.set(bytes.subarray(0, at));
  rest.set(bytes.subarray(at + count), at);
  return rest;
}
