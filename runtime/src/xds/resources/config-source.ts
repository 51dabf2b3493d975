import type { ConfigSource } from "@meshwright/proto/envoy/config/core/v3/config_source_pb";
import { refuse } from "./decoded.js";

/** Everything comes over the one ADS stream (gRFC A27). */
export function checkAds(source: ConfigSource | undefined, field: string): void {
  const kind = source?.configSourceSpecifier.case;
  if (kind !== "ads" && kind !== "self")
    refuse(`${field}: config source "${kind}" is not supported, expected ads or self`);
}
