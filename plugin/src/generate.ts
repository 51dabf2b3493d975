import type { DescFile, DescMethod, DescService } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { GeneratedFile, Printable } from "@bufbuild/protoplugin";
import { interfaceHost, methodTimeoutMs } from "./interface-host.js";
import { checkMethods, methodPath, propertyName } from "./method.js";
import { type ServiceNames, serviceNames } from "./names.js";
import type { PluginOptions } from "./options.js";

const CODEGEN = "@meshwright/runtime/codegenv1";
const CONNECT = "@connectrpc/connect";
const PROTOBUF = "@bufbuild/protobuf";

/** Which part of the code a file holds: all of it, only what runs, or only the types. */
export type Part = "ts" | "js" | "dts";

/** One service and the file that its code goes to. */
interface Output {
  readonly f: GeneratedFile;
  readonly part: Part;
  readonly service: DescService;
  readonly names: ServiceNames;
  readonly options: PluginOptions;
  /** A name that is not imported. Imports of the same name get another. */
  own(name: string): Printable;
}

/** Generates the mesh code of one proto file, to be imported as `importPath`. */
export function generateFile(
  f: GeneratedFile,
  importPath: string,
  file: DescFile,
  part: Part,
  options: PluginOptions,
): void {
  f.preamble(file);
  for (const [service, names] of serviceNames(file)) {
    checkMethods(service);
    // protoplugin counts a symbol from the file's own path as one of its names.
    const output: Output = { f, part, service, names, options, own: (name) => f.import(name, importPath) };
    if (part !== "js") {
      printClientInterface(output);
      printHandlersInterface(output);
    }
    printRecord(output, names.paths, "Paths of the methods", "as routes and policies match them", methodPath);
    printRecord(output, names.methodKinds, "Kinds of the methods", 'such as "unary"', (method) => method.methodKind);
    printMesh(output);
    printCreateClient(output);
    printImplement(output);
  }
}

function printClientInterface(output: Output): void {
  const { f, service, names, own } = output;
  const options = f.import("CallOptions", CONNECT, true);
  f.print(f.jsDoc(service));
  f.print(f.export("interface", names.client), " {");
  for (const method of service.methods) {
    const request = initShape(f, method.input);
    const response = f.importShape(method.output);
    const result = isResponseStream(method) ? iterable(output, response) : [own("Promise"), "<", response, ">"];
    const name = propertyName(method);
    f.print(f.jsDoc(method, "  "));
    const input = isRequestStream(method) ? iterable(output, request) : request;
    f.print("  ", name, "(request: ", input, ", options?: ", options, "): ", result, ";");
  }
  f.print("}");
  f.print();
}

function printHandlersInterface(output: Output): void {
  const { f, service, names, own } = output;
  const context = f.import("HandlerContext", CONNECT, true);
  f.print("/** The handlers of ", service.typeName, ". Each may throw a ConnectError. */");
  f.print(f.export("interface", names.handlers), " {");
  for (const method of service.methods) {
    const request = f.importShape(method.input);
    const response = initShape(f, method.output);
    const promise = [own("Promise"), "<", response, ">"];
    const result = (): Printable => {
      if (isResponseStream(method)) return iterable(output, response);
      return method.methodKind === "unary" ? [response, " | ", promise] : promise;
    };
    const name = propertyName(method);
    f.print(f.jsDoc(method, "  "));
    if (isRequestStream(method)) {
      f.print("  ", name, "(requests: ", iterable(output, request), ", context: ", context, "): ", result(), ";");
    } else {
      f.print("  ", name, "(request: ", request, ", context: ", context, "): ", result(), ";");
    }
  }
  f.print("}");
  f.print();
}

/** A constant with one string per method, and a type that says which. */
function printRecord(
  output: Output,
  name: string,
  what: string,
  purpose: string,
  textOf: (method: DescMethod) => string,
): void {
  const { f, part, service } = output;
  f.print("/** ", what, " of ", service.typeName, ", ", purpose, ". */");
  f.print(exportConst(output, name), part === "js" ? " = {" : ": {");
  if (part !== "js") {
    for (const method of service.methods) {
      f.print("  readonly ", propertyName(method), ": ", f.string(textOf(method)), ";");
    }
    f.print(part === "dts" ? "};" : "} = {");
  }
  if (part !== "dts") {
    for (const method of service.methods) f.print("  ", propertyName(method), ": ", f.string(textOf(method)), ",");
    f.print("};");
  }
  f.print();
}

function printMesh(output: Output): void {
  const { f, part, service, names, options } = output;
  const { host, port } = interfaceHost(service, options.meshDomain);
  const timeouts = new Map(service.methods.map((method) => [method, methodTimeoutMs(method)]));
  const schema = f.importSchema(service, part === "dts");
  const type = part === "js" ? "" : [": ", f.import("MeshService", CODEGEN, true), "<typeof ", schema, ">"];
  f.print("/** ", service.typeName, " as the mesh knows it: ", host, ":", port, ". */");
  if (part === "dts") {
    f.print(exportConst(output, names.mesh), type, ";");
    f.print();
    return;
  }
  const define = f.import("defineService", CODEGEN);
  f.print(exportConst(output, names.mesh), type, " = /*@__PURE__*/ ", define, "(", schema, ", {");
  f.print("  host: ", f.string(host), ",");
  f.print("  port: ", port, ",");
  f.print("  methods: {");
  for (const method of service.methods) {
    const timeoutMs = timeouts.get(method);
    f.print("    ", propertyName(method), ": {");
    f.print("      path: ", f.string(methodPath(method)), ",");
    f.print("      kind: ", f.string(method.methodKind), ",");
    f.print("      idempotent: ", method.idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN, ",");
    if (timeoutMs !== undefined) f.print("      timeoutMs: ", timeoutMs, ",");
    f.print("    },");
  }
  f.print("  },");
  f.print("});");
  f.print();
}

function printCreateClient(output: Output): void {
  const { f, part, service, names, own } = output;
  f.print("/** Makes a client of ", service.typeName, ". The mesh finds the servers. */");
  const type = part === "js" ? "" : [": ", f.import("ClientMesh", CODEGEN, true)];
  const result = part === "js" ? "" : [": ", names.client];
  printFunction(output, names.createClient, [own("mesh"), type], result, [own("mesh"), ".client(", names.mesh, ")"]);
}

function printImplement(output: Output): void {
  const { f, part, service, names, own } = output;
  const schema = f.importSchema(service, part === "dts");
  f.print("/** Ties handlers to ", service.typeName, ", to be served by a mesh. */");
  const type = part === "js" ? "" : [": ", names.handlers];
  const result = part === "js" ? "" : [": ", f.import("ServiceRegistration", CODEGEN, true), "<typeof ", schema, ">"];
  const body =
    part === "dts" ? "" : [f.import("implementService", CODEGEN), "(", names.mesh, ", ", own("handlers"), ")"];
  printFunction(output, names.implement, [own("handlers"), type], result, body);
}

function printFunction(output: Output, name: string, parameter: Printable, result: Printable, body: Printable): void {
  const { f, part } = output;
  if (part === "dts") {
    f.print(f.export("declare function", name), "(", parameter, ")", result, ";");
  } else {
    f.print(f.export("function", name), "(", parameter, ")", result, " {");
    f.print("  return ", body, ";");
    f.print("}");
  }
  f.print();
}

function exportConst({ f, part }: Output, name: string): Printable {
  return f.export(part === "dts" ? "declare const" : "const", name);
}

function iterable({ own }: Output, of: Printable): Printable {
  return [own("AsyncIterable"), "<", of, ">"];
}

function initShape(f: GeneratedFile, message: DescMethod["input"]): Printable {
  return [f.import("MessageInitShape", PROTOBUF, true), "<typeof ", f.importSchema(message, true), ">"];
}

function isRequestStream({ methodKind }: DescMethod): boolean {
  return methodKind === "client_streaming" || methodKind === "bidi_streaming";
}

function isResponseStream({ methodKind }: DescMethod): boolean {
  return methodKind === "server_streaming" || methodKind === "bidi_streaming";
}
