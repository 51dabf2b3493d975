import { clone } from "@bufbuild/protobuf";
import {
  type CodeGeneratorRequest,
  CodeGeneratorRequestSchema,
  type DescriptorProto,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import { Refusal } from "./complain.js";

/**
 * Refuses a request that no proto compiler makes. What is checked here ends up in code, in comments or in paths, so the
 * generator may print it as it is.
 */
export function checkRequest(request: CodeGeneratorRequest): void {
  if (request.fileToGenerate.length === 0) {
    throw new Refusal("the request names no file to generate; run the plugin through buf generate or protoc");
  }
  if (UNPRINTABLE.test(request.parameter)) {
    throw new Refusal(`options ${JSON.stringify(request.parameter)}: expected no control characters; remove them`);
  }
  const files = [...request.protoFile, ...request.sourceFileDescriptors];
  for (const file of files) checkFile(file);
  checkUnique(
    "proto file",
    request.protoFile.map((file) => file.name),
  );
  checkUnique("file to generate", request.fileToGenerate);
  const wanted = new Set(request.fileToGenerate);
  checkOutputs(request.protoFile.filter((file) => file.service.length > 0 && wanted.has(file.name)));
}

/**
 * The request with comments that stay comments. protoplugin prints some of them as `//` lines that it splits at "\n"
 * only, while TypeScript ends a line in three more ways and reads `///`, `//#` and `//@` as orders.
 */
export function tameComments(request: CodeGeneratorRequest): CodeGeneratorRequest {
  if (!allComments(request).some(({ text }) => tame(text) !== text)) return request;
  const copy = clone(CodeGeneratorRequestSchema, request);
  for (const { text, replace } of allComments(copy)) replace(tame(text));
  return copy;
}

const UNPRINTABLE = /[\p{Cc}\u2028\u2029]/u;
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
// Beyond what `//` comments and strings bear, nothing that one of the usual file systems refuses.
const UNFIT_FOR_PATHS = /[\p{Cc}\u2028\u2029\\:*?"<>|]/u;

function checkFile(file: FileDescriptorProto): void {
  const segments = file.name.split("/");
  if (!file.name.endsWith(".proto") || UNFIT_FOR_PATHS.test(file.name) || segments.some(isUnfitSegment)) {
    throw new Refusal(
      `proto file ${JSON.stringify(file.name)}: expected a relative path such as acme/greet/v1/greet.proto; rename it`,
    );
  }
  for (const part of file.package === "" ? [] : file.package.split(".")) checkIdentifier(file, "package", part);
  for (const message of file.messageType) checkMessage(file, message);
  for (const declared of file.enumType) checkIdentifier(file, "enum", declared.name);
  for (const service of file.service) {
    checkIdentifier(file, "service", service.name);
    for (const method of service.method) checkIdentifier(file, "method", method.name);
  }
}

function isUnfitSegment(segment: string): boolean {
  const stem = segment.replace(/\.proto$/, "");
  return stem === "" || /^\.\.?$/.test(stem) || /[. ]$/.test(stem);
}

function checkMessage(file: FileDescriptorProto, message: DescriptorProto): void {
  checkIdentifier(file, "message", message.name);
  for (const nested of message.nestedType) checkMessage(file, nested);
  for (const declared of message.enumType) checkIdentifier(file, "enum", declared.name);
}

function checkIdentifier(file: FileDescriptorProto, what: string, name: string): void {
  if (IDENTIFIER.test(name)) return;
  throw new Refusal(`${file.name}: ${what} ${JSON.stringify(name)}: expected letters, digits and "_"; rename it`);
}

function checkUnique(what: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new Refusal(`${what} ${name}: is in the request twice; expected once`);
    seen.add(name);
  }
}

/** Two files that differ in case only are one file on many disks. */
function checkOutputs(files: readonly FileDescriptorProto[]): void {
  const seen = new Map<string, string>();
  for (const { name } of files) {
    const folded = name.toLowerCase();
    const rival = seen.get(folded);
    if (rival !== undefined) {
      throw new Refusal(`${name}: differs from ${rival} in upper and lower case only; rename one of them`);
    }
    seen.set(folded, name);
  }
}

interface Comment {
  readonly text: string;
  replace(text: string): void;
}

function allComments(request: CodeGeneratorRequest): Comment[] {
  const comments: Comment[] = [];
  for (const file of [...request.protoFile, ...request.sourceFileDescriptors]) {
    for (const location of file.sourceCodeInfo?.location ?? []) {
      if (location.leadingComments !== "") {
        comments.push({
          text: location.leadingComments,
          replace: (text) => {
            location.leadingComments = text;
          },
        });
      }
      if (location.trailingComments !== "") {
        comments.push({
          text: location.trailingComments,
          replace: (text) => {
            location.trailingComments = text;
          },
        });
      }
      for (const [index, text] of location.leadingDetachedComments.entries()) {
        comments.push({
          text,
          replace: (tamed) => {
            location.leadingDetachedComments[index] = tamed;
          },
        });
      }
    }
  }
  return comments;
}

function tame(comment: string): string {
  return comment
    .replace(/\r\n?|[\u2028\u2029]/g, "\n")
    .replace(/(?![\n\t])\p{Cc}/gu, "")
    .replace(/^(?=[/#@])/gm, " ");
}
