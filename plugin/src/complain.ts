import type { DescMethod, DescService } from "@bufbuild/protobuf";

/** Refuses a proto: names the file, the line when it is known, the thing, and what is wrong with it. */
export function complain(desc: DescService | DescMethod, message: string): never {
  const { file } = desc.kind === "service" ? desc : desc.parent;
  const line = lineOf(desc);
  const where = line === undefined ? `${file.name}.proto` : `${file.name}.proto:${line}`;
  const what = desc.kind === "service" ? `service ${desc.typeName}` : `method ${desc.parent.typeName}.${desc.name}`;
  throw new Error(`${where}: ${what}: ${message}`);
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
