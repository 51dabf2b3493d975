const UNIT_NANOS: Readonly<Record<string, bigint>> = {
  h: 3_600_000_000_000n,
  m: 60_000_000_000n,
  s: 1_000_000_000n,
  ms: 1_000_000n,
  us: 1_000n,
  µs: 1_000n,
  ns: 1n,
};

/** A duration as Istio's users write it, "1h30m" or "8ms", in the form that protobuf JSON takes. Undefined if it is none. */
export function durationToJson(text: string): string | undefined {
  if (text === "0") return "0s";
  if (!/^(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|h|m|s))+$/.test(text)) return undefined;
  let nanos = 0n;
  for (const [, whole = "0", fraction = "", unit = ""] of text.matchAll(/(\d+)(?:\.(\d+))?(ms|us|µs|ns|h|m|s)/g)) {
    const scale = UNIT_NANOS[unit] ?? 0n;
    nanos += BigInt(whole) * scale;
    if (fraction !== "") nanos += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
  }
  const rest = nanos % 1_000_000_000n;
  const seconds = nanos / 1_000_000_000n;
  return rest === 0n ? `${seconds}s` : `${seconds}.${rest.toString().padStart(9, "0")}s`;
}
