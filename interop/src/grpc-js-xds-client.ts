// A foreign xDS client: node grpc-js-xds-client.js TARGET CALLS. The control plane comes from the usual bootstrap
// variables. Prints how often each text was answered, as JSON.
import { create } from "@bufbuild/protobuf";
import grpc from "@grpc/grpc-js";
import { register } from "@grpc/grpc-js-xds";
import { InteropService, UnaryRequestSchema, type UnaryResponse } from "./gen/meshwright/interop/v1/interop_pb.js";
import { grpcJsDefinition } from "./grpc-js.js";

register();
const [target = "", calls = "0"] = process.argv.slice(2);
const { unary } = grpcJsDefinition(InteropService);
if (unary === undefined) throw new Error("InteropService has no method unary");
const { path, requestSerialize, responseDeserialize } = unary;
const client = new grpc.Client(`xds:///${target}`, grpc.credentials.createInsecure());

function call(): Promise<string> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize as (bytes: Buffer) => UnaryResponse,
      create(UnaryRequestSchema),
      { deadline: Date.now() + 20_000 },
      (error, answer) => (error === null ? resolve(answer?.text ?? "") : reject(error)),
    );
  });
}

const counts: Record<string, number> = {};
for (let made = 0; made < Number(calls); made += 1) {
  const text = await call();
  counts[text] = (counts[text] ?? 0) + 1;
}
console.log(JSON.stringify(counts));
client.close();
process.exit(0);
