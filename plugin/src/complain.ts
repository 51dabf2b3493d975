import type { DescMethod, DescService } from "@bufbuild/protobuf";

/** What the user must change: a proto, an option or the request. Its message is all that the user sees of it. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/** Refuses a proto: names the file, the line when it is known, the thing, what is wrong with it and what to do. */
export function complain(desc: DescService | DescMethod, message: string): never {
  const { file } = desc.kind === "service" ? desc : desc.parent;
  const line = lineOf(desc);
  const where = line === undefined ? file.proto.name : `${file.proto.name}:${line}`;
  const what = desc.kind === "service" ? `service ${desc.typeName}` : `method ${desc.parent.typeName}.${desc.name}`;
  throw new Refusal(`${where}: ${what}: ${message}`);
}

// Field numbers of FileDescriptorProto.service and ServiceDescriptorProto.method, which make a source path.
const SERVICE_FIELD = 6;
const METHOD_FIELD = 2;

function lineOf(desc: DescService | DescMethod): number | undefined {
  const service = desc.kind === "service" ? desc : desc.parent;
  const path = [SERVICE_FIELD, service.file.services.indexOf(service)];
  if (desc.kind === "rpc") path.push(METHOD_FIELD, desc.parent.methods.indexOf(desc));
  const location = service.file.proto.sourceCodeInfo?.location.find(
    (candidate) => candidate.path.length === path.length && candidate.path.every((part, index) => part === path[index]),
  );
  const start = location?.span[0];
  return start === undefined ? undefined : start + 1;
}
