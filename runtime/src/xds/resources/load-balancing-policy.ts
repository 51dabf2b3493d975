import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type { LoadBalancingPolicy } from "@meshwright/proto/envoy/config/cluster/v3/cluster_pb";
import { LeastRequestSchema } from "@meshwright/proto/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb";
import { PickFirstSchema } from "@meshwright/proto/envoy/extensions/load_balancing_policies/pick_first/v3/pick_first_pb";
import { RandomSchema } from "@meshwright/proto/envoy/extensions/load_balancing_policies/random/v3/random_pb";
import { RoundRobinSchema } from "@meshwright/proto/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb";
import type { LoadBalancerConfig } from "../../config/cluster.js";
import { refuse } from "./decoded.js";

const DEFAULT_CHOICE_COUNT = 2;
const LARGEST_CHOICE_COUNT = 10;

type PolicyDecoder = (config: Any) => LoadBalancerConfig;

const DECODERS: ReadonlyMap<string, PolicyDecoder> = new Map([
  policy(RoundRobinSchema, () => ({ kind: "round_robin" })),
  policy(LeastRequestSchema, ({ choiceCount }) => leastRequest(choiceCount)),
  policy(RandomSchema, () => ({ kind: "random" })),
  policy(PickFirstSchema, ({ shuffleAddressList }) => ({ kind: "pick_first", shuffle: shuffleAddressList })),
]);

/** The first policy of the list that we have; those before it are for clients with more (gRFC A52). */
export function decodeLoadBalancingPolicy({ policies }: LoadBalancingPolicy): LoadBalancerConfig {
  const found: string[] = [];
  for (const { typedExtensionConfig } of policies) {
    const config = typedExtensionConfig?.typedConfig;
    const typeName = config?.typeUrl.slice(config.typeUrl.lastIndexOf("/") + 1) ?? "";
    const decode = DECODERS.get(typeName);
    if (config !== undefined && decode !== undefined) return decode(config);
    found.push(typeName);
  }
  return refuse(`load_balancing_policy: found [${found.join(", ")}], none of which is supported`);
}

/** Power of choices (gRFC A48): 2 unless said, more than 10 count as 10. */
export function leastRequest(choiceCount: number = DEFAULT_CHOICE_COUNT): LoadBalancerConfig {
  if (choiceCount < 2) refuse(`lb policy LEAST_REQUEST: choice_count ${choiceCount} must be >= 2`);
  return { kind: "least_request", choiceCount: Math.min(choiceCount, LARGEST_CHOICE_COUNT) };
}

function policy<Desc extends DescMessage>(
  schema: Desc,
  decode: (message: MessageShape<Desc>) => LoadBalancerConfig,
): [string, PolicyDecoder] {
  return [schema.typeName, ({ value }) => decode(fromBinary(schema, value))];
}
