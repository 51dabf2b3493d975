import type { Duration } from "@bufbuild/protobuf/wkt";
import { refuse } from "./decoded.js";

/** Milliseconds of a protobuf duration. Negative ones are refused. */
export function durationMs(duration: Duration, field: string): number {
  const ms = Number(duration.seconds) * 1_000 + duration.nanos / 1_000_000;
  if (ms < 0) refuse(`${field}: duration ${ms} ms must not be negative`);
  return ms;
}

/** An upper bound in milliseconds: 0 stands for none, as in Envoy. */
export function boundMs(duration: Duration | undefined, field: string): number | undefined {
  if (duration === undefined) return undefined;
  const ms = durationMs(duration, field);
  return ms === 0 ? undefined : ms;
}
