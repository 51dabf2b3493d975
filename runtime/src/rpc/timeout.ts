// gRPC over HTTP/2: Timeout is at most 8 digits and a unit.
const MAX_DIGITS = 99_999_999;
const UNITS = [
  { unit: "u", ms: 0.001 },
  { unit: "m", ms: 1 },
  { unit: "S", ms: 1_000 },
  { unit: "M", ms: 60_000 },
  { unit: "H", ms: 3_600_000 },
] as const;
const MS_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ["n", 0.000_001],
  ...UNITS.map(({ unit, ms }) => [unit, ms] as const),
]);

/** The value of `grpc-timeout` for a positive number of milliseconds, in the finest unit that fits. Never 0. */
export function encodeTimeout(timeoutMs: number): string {
  for (const { unit, ms } of UNITS) {
    // Rounded up: a server must not give up before its client does.
    const count = Math.max(1, Math.ceil(timeoutMs / ms));
    if (count <= MAX_DIGITS) return `${count}${unit}`;
  }
  return `${MAX_DIGITS}H`;
}

/** What a `grpc-timeout` value says. */
export type DecodedTimeout = { readonly kind: "ok"; readonly timeoutMs: number } | { readonly kind: "invalid" };

/** Reads the value of `grpc-timeout`. TimeoutValue is positive: 0 is as malformed as "soon". */
export function decodeTimeout(text: string): DecodedTimeout {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  const count = Number(match?.[1] ?? 0);
  if (match === null || count === 0) return { kind: "invalid" };
  return { kind: "ok", timeoutMs: count * (MS_PER_UNIT.get(match[2] ?? "") ?? 0) };
}
