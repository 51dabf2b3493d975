import { type FractionalPercent, FractionalPercent_DenominatorType } from "@meshwright/proto/envoy/type/v3/percent_pb";
import { refuse } from "./decoded.js";

/** Envoy `FractionalPercent` in millionths, at most all. */
export function perMillion({ numerator, denominator }: FractionalPercent): number {
  switch (denominator) {
    case FractionalPercent_DenominatorType.HUNDRED:
      return Math.min(1_000_000, numerator * 10_000);
    case FractionalPercent_DenominatorType.TEN_THOUSAND:
      return Math.min(1_000_000, numerator * 100);
    case FractionalPercent_DenominatorType.MILLION:
      return Math.min(1_000_000, numerator);
    default:
      return refuse(`unknown denominator ${denominator}`);
  }
}
