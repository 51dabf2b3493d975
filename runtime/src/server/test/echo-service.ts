import { create, createFileRegistry, type DescService, isMessage } from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import type { ServiceRegistration } from "../../codegenv1/types.js";

const file = create(FileDescriptorProtoSchema, {
  name: "test/echo.proto",
  package: "test",
  syntax: "proto3",
  messageType: [
    create(DescriptorProtoSchema, {
      name: "Note",
      field: [{ name: "text", number: 1, type: Type.STRING, label: Label.OPTIONAL, jsonName: "text" }],
    }),
  ],
  service: [
    {
      name: "Echo",
      method: [
        { name: "Say", inputType: ".test.Note", outputType: ".test.Note" },
        {
          name: "Chat",
          inputType: ".test.Note",
          outputType: ".test.Note",
          clientStreaming: true,
          serverStreaming: true,
        },
        { name: "Watch", inputType: ".test.Note", outputType: ".test.Note", serverStreaming: true },
      ],
    },
  ],
});

const registry = createFileRegistry(file, () => undefined);

/** `test.Echo`: the unary `Say`, the bidirectional `Chat`, and `Watch`, which streams answers. All take and give notes. */
export const Echo: DescService = registry.getService("test.Echo") as DescService;

const Note = registry.getMessage("test.Note");

/** A method of {@link Echo}. */
export function echoMethod(name: "say" | "chat" | "watch"): DescService["methods"][number] {
  return Echo.method[name] as DescService["methods"][number];
}

/** A message of {@link Echo}. */
export function note(text: string): object {
  if (Note === undefined) throw new Error("test.Note is missing");
  return create(Note, { text } as never);
}

/** The text of a message of {@link Echo}. */
export function textOf(message: unknown): string {
  if (Note === undefined || !isMessage(message, Note)) throw new Error("that is no test.Note");
  return (message as unknown as { text: string }).text;
}

/** Handlers of {@link Echo} as a server takes them. */
export function echoService(implementation: object): ServiceRegistration {
  return {
    service: { service: Echo, host: "test.echo.rpc.mesh", port: 80, methods: {} },
    implementation,
  } as ServiceRegistration;
}
