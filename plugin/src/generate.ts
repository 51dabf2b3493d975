import type { DescFile, DescMethod, DescService } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { GeneratedFile, Printable } from "@bufbuild/protoplugin";
import { complain } from "./complain.js";
import { interfaceHost, methodTimeoutMs } from "./interface-host.js";
import { type ServiceNames, serviceNames } from "./names.js";
import type { PluginOptions } from "./options.js";

const CODEGEN = "@meshwright/runtime/codegenv1";
const CONNECT = "@connectrpc/connect";
const PROTOBUF = "@bufbuild/protobuf";

/** Which part of the code a file holds: all of it, only what runs, or only the types. */
export type Part = "ts" | "js" | "dts";

/** Generates the mesh code of one proto file. */
export function generateFile(f: GeneratedFile, file: DescFile, part: Part, options: PluginOptions): void {
  f.preamble(file);
  const names = serviceNames(file);
  for (const service of file.services) {
    const serviceName = names.get(service);
    if (serviceName === undefined) continue;
    checkMethods(service);
    if (part !== "js") {
      printClientInterface(f, service, serviceName);
      printHandlersInterface(f, service, serviceName);
    }
    printPaths(f, service, serviceName, part);
    printMethodKinds(f, service, serviceName, part);
    printMesh(f, service, serviceName, part, options);
    printCreateClient(f, service, serviceName, part);
    printImplement(f, service, serviceName, part);
  }
}

/** Two methods that become one name in TypeScript would hide each other. */
function checkMethods(service: DescService): void {
  const seen = new Map<string, DescMethod>();
  for (const method of service.methods) {
    const rival = seen.get(method.localName);
    if (rival !== undefined) {
      complain(method, `becomes ${method.localName} in TypeScript, as ${rival.name} does; rename one of them`);
    }
    if (method.localName === "then") {
      complain(method, "becomes then in TypeScript, and a client with a method then can't be awaited; rename it");
    }
    seen.set(method.localName, method);
  }
}

function printClientInterface(f: GeneratedFile, service: DescService, names: ServiceNames): void {
  const callOptions = f.import("CallOptions", CONNECT, true);
  f.print(f.jsDoc(service));
  f.print(f.export("interface", names.client), " {");
  for (const method of service.methods) {
    const input = initShape(f, method);
    const output = f.importShape(method.output);
    const iterable = (of: Printable): Printable => ["AsyncIterable<", of, ">"];
    const isInputStream = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
    const isOutputStream = method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming";
    f.print(f.jsDoc(method, "  "));
    f.print(
      "  ",
      method.localName,
      "(request: ",
      isInputStream ? iterable(input) : input,
      ", options?: ",
      callOptions,
      "): ",
      isOutputStream ? iterable(output) : ["Promise<", output, ">"],
      ";",
    );
  }
  f.print("}");
  f.print();
}

function printHandlersInterface(f: GeneratedFile, service: DescService, names: ServiceNames): void {
  const context = f.import("HandlerContext", CONNECT, true);
  f.print("/** The handlers of ", service.typeName, ". */");
  f.print(f.export("interface", names.handlers), " {");
  for (const method of service.methods) {
    const input = f.importShape(method.input);
    const output: Printable = [
      f.import("MessageInitShape", PROTOBUF, true),
      "<typeof ",
      f.importSchema(method.output, true),
      ">",
    ];
    f.print(f.jsDoc(method, "  "));
    switch (method.methodKind) {
      case "unary":
        f.print(
          "  ",
          method.localName,
          "(request: ",
          input,
          ", context: ",
          context,
          "): Promise<",
          output,
          "> | ",
          output,
          ";",
        );
        break;
      case "server_streaming":
        f.print("  ", method.localName, "(request: ", input, ", context: ", context, "): AsyncIterable<", output, ">;");
        break;
      case "client_streaming":
        f.print(
          "  ",
          method.localName,
          "(requests: AsyncIterable<",
          input,
          ">, context: ",
          context,
          "): Promise<",
          output,
          ">;",
        );
        break;
      case "bidi_streaming":
        f.print(
          "  ",
          method.localName,
          "(requests: AsyncIterable<",
          input,
          ">, context: ",
          context,
          "): AsyncIterable<",
          output,
          ">;",
        );
        break;
    }
  }
  f.print("}");
  f.print();
}

function printPaths(f: GeneratedFile, service: DescService, names: ServiceNames, part: Part): void {
  f.print("/** Paths of the methods of ", service.typeName, ", as routes and policies match them. */");
  printRecord(f, service, names.paths, part, (method) => f.string(methodPath(method)));
}

function printMethodKinds(f: GeneratedFile, service: DescService, names: ServiceNames, part: Part): void {
  f.print("/** Kinds of the methods of ", service.typeName, ". */");
  printRecord(f, service, names.methodKinds, part, (method) => f.string(method.methodKind));
}

/** A constant with one literal per method, and a type that says so. */
function printRecord(
  f: GeneratedFile,
  service: DescService,
  name: string,
  part: Part,
  value: (method: DescMethod) => Printable,
): void {
  const type =
    part === "js"
      ? ""
      : [": {", ...service.methods.map((method) => [" readonly ", method.localName, ": ", value(method), ";"]), " }"];
  if (part === "dts") {
    f.print("export declare const ", name, type, ";");
  } else {
    f.print("export const ", name, type, " = {");
    for (const method of service.methods) f.print("  ", method.localName, ": ", value(method), ",");
    f.print("};");
  }
  f.print();
}

function printMesh(
  f: GeneratedFile,
  service: DescService,
  names: ServiceNames,
  part: Part,
  options: PluginOptions,
): void {
  const { host, port } = interfaceHost(service, options.meshDomain);
  const schema = f.importSchema(service, part === "dts");
  f.print("/** ", service.typeName, " as the mesh knows it: ", host, ":", port, ". */");
  const type: Printable = part === "js" ? "" : [": ", f.import("MeshService", CODEGEN, true), "<typeof ", schema, ">"];
  if (part === "dts") {
    f.print("export declare const ", names.mesh, type, ";");
    f.print();
    return;
  }
  f.print(
    "export const ",
    names.mesh,
    type,
    " = /*@__PURE__*/ ",
    f.import("defineService", CODEGEN),
    "(",
    schema,
    ", {",
  );
  f.print("  host: ", f.string(host), ",");
  f.print("  port: ", port, ",");
  f.print("  methods: {");
  for (const method of service.methods) {
    const timeoutMs = methodTimeoutMs(method);
    f.print("    ", method.localName, ": {");
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

function printCreateClient(f: GeneratedFile, service: DescService, names: ServiceNames, part: Part): void {
  f.print("/** Makes a client of ", service.typeName, ". The mesh finds the servers. */");
  if (part === "js") {
    f.print("export function ", names.createClient, "(mesh) {");
    f.print("  return mesh.client(", names.mesh, ");");
    f.print("}");
  } else {
    const signature: Printable = [
      "function ",
      names.createClient,
      "(mesh: ",
      f.import("ClientMesh", CODEGEN, true),
      "): ",
      names.client,
    ];
    if (part === "dts") {
      f.print("export declare ", signature, ";");
    } else {
      f.print("export ", signature, " {");
      f.print("  return mesh.client(", names.mesh, ");");
      f.print("}");
    }
  }
  f.print();
}

function printImplement(f: GeneratedFile, service: DescService, names: ServiceNames, part: Part): void {
  const define = (): Printable => f.import("implementService", CODEGEN);
  f.print("/** Ties handlers to ", service.typeName, ", to be served. */");
  if (part === "js") {
    f.print("export function ", names.implement, "(handlers) {");
    f.print("  return ", define(), "(", names.mesh, ", handlers);");
    f.print("}");
  } else {
    const registration: Printable = [
      f.import("ServiceRegistration", CODEGEN, true),
      "<typeof ",
      f.importSchema(service, part === "dts"),
      ">",
    ];
    const signature: Printable = ["function ", names.implement, "(handlers: ", names.handlers, "): ", registration];
    if (part === "dts") {
      f.print("export declare ", signature, ";");
    } else {
      f.print("export ", signature, " {");
      f.print("  return ", define(), "(", names.mesh, ", handlers);");
      f.print("}");
    }
  }
  f.print();
}

function initShape(f: GeneratedFile, method: DescMethod): Printable {
  return [f.import("MessageInitShape", PROTOBUF, true), "<typeof ", f.importSchema(method.input, true), ">"];
}

function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}
