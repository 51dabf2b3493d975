import { DEFAULT_MAX_FRAME_BYTES, LARGEST_MAX_FRAME_BYTES } from "./frame.js";
import type { Http2Limits } from "./limits.js";

/** Limits that HTTP/2 itself bounds; the others are 0 or more. */
const RANGES: { readonly [Name in keyof Http2Limits]?: readonly [least: number, most: number] } = {
  maxFrameBytes: [DEFAULT_MAX_FRAME_BYTES, LARGEST_MAX_FRAME_BYTES],
  initialStreamWindowBytes: [1, Number.POSITIVE_INFINITY],
  crowdedStreamWindowBytes: [1, Number.POSITIVE_INFINITY],
  maxConcurrentStreams: [1, Number.POSITIVE_INFINITY],
  maxStreamsPerTurn: [1, Number.POSITIVE_INFINITY],
};

/** Throws a `RangeError` that names the option, its value and what it may be, when one is out of its range. */
export function assertInRange(limits: Http2Limits): void {
  for (const [name, value] of Object.entries(limits) as [keyof Http2Limits, unknown][]) {
    const [least, most] = RANGES[name] ?? [0, Number.POSITIVE_INFINITY];
    if (typeof value === "number" && value >= least && value <= most) continue;
    const range = most === Number.POSITIVE_INFINITY ? `a number of at least ${least}` : `${least} to ${most}`;
    throw new RangeError(`option http2.${name}: ${String(value)} must be ${range}`);
  }
}
