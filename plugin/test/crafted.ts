import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type CodeGeneratorRequest,
  CodeGeneratorRequestSchema,
  type CodeGeneratorResponse,
  type FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { meshwrightPlugin } from "../src/plugin.js";

type FileInit = Exclude<MessageInitShape<typeof FileDescriptorProtoSchema>, { $typeName: string }>;

/** A request that need not come from a compiler: one file for each init, with a service unless the init says otherwise. */
export function crafted(inits: readonly FileInit[], parameter = "target=ts,import_extension=js"): CodeGeneratorRequest {
  const protoFile = inits.map((init, index) => ({
    name: `acme/f${index}.proto`,
    package: `acme.p${index}`,
    syntax: "proto3",
    messageType: [{ name: "M" }],
    service: [serviceOf("GreeterService", ["SayHello"], init.package ?? `acme.p${index}`)],
    ...init,
  }));
  const fileToGenerate = protoFile.map(({ name }) => name);
  return create(CodeGeneratorRequestSchema, { parameter, protoFile, fileToGenerate });
}

/** A service with unary methods on the message M of its package. */
export function serviceOf(
  name: string,
  methods: readonly string[],
  packageName = "acme.p0",
): NonNullable<FileInit["service"]>[number] {
  const message = packageName === "" ? ".M" : `.${packageName}.M`;
  return { name, method: methods.map((method) => ({ name: method, inputType: message, outputType: message })) };
}

export function run(request: CodeGeneratorRequest): CodeGeneratorResponse {
  return meshwrightPlugin.run(request);
}

/** The one file that the plugin makes of a request. */
export function only(request: CodeGeneratorRequest): string {
  const { error, file } = run(request);
  if (error !== "" || file.length !== 1) throw new Error(`${file.length} files; error: ${error}`);
  return file[0]?.content ?? "";
}
