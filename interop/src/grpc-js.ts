import { type DescMethod, type DescService, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";

/** A grpc-js service definition whose codec is protobuf-es, so that peers differ in their transport only. */
export function grpcJsDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.localName, definitionOf(method)]));
}

function definitionOf(method: DescMethod): MethodDefinition<unknown, unknown> {
  const codec = (schema: DescMethod["input"]) => ({
    serialize: (message: unknown) => Buffer.from(toBinary(schema, message as never)),
    deserialize: (bytes: Buffer) => fromBinary(schema, bytes) as unknown,
  });
  const request = codec(method.input);
  const response = codec(method.output);
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    requestSerialize: request.serialize,
    requestDeserialize: request.deserialize,
    responseSerialize: response.serialize,
    responseDeserialize: response.deserialize,
  };
}
