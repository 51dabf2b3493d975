import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type CodeGeneratorRequest,
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
} from "@bufbuild/protobuf/wkt";
import { Refusal } from "./complain.js";
import { meshwrightPlugin } from "./plugin.js";

/** Most bytes of a request. The whole of Envoy's API is a tenth of it. */
export const MAX_REQUEST_BYTES: number = 64 * 1024 * 1024;

/** The plugin as protoc and buf see it: the bytes of a request in, those of a response out. Throws on other bytes. */
export function runOnBytes(request: Uint8Array): Uint8Array {
  return toBinary(CodeGeneratorResponseSchema, meshwrightPlugin.run(decode(request)));
}

/** Collects a request up to {@link MAX_REQUEST_BYTES}. */
export async function readRequest(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const read: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.byteLength;
    if (bytes > MAX_REQUEST_BYTES) {
      throw new Refusal(`the request is larger than ${MAX_REQUEST_BYTES} bytes; generate fewer files at a time`);
    }
    read.push(chunk);
  }
  return Buffer.concat(read);
}

function decode(request: Uint8Array): CodeGeneratorRequest {
  try {
    return fromBinary(CodeGeneratorRequestSchema, request);
  } catch (cause) {
    const message =
      "standard input is no google.protobuf.compiler.CodeGeneratorRequest; run the plugin through buf or protoc";
    throw new Refusal(message, { cause });
  }
}
