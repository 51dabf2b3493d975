import { createEcmaScriptPlugin } from "@bufbuild/protoplugin";
import { generateFile, type Part } from "./generate.js";
import { type PluginOptions, parseOptions } from "./options.js";

/** The plugin's version, in the preamble of what it generates. */
export const VERSION = "0.1.0";

type Schema = Parameters<Parameters<typeof createEcmaScriptPlugin<PluginOptions>>[0]["generateTs"]>[0];

/** `protoc-gen-meshwright`: one `<file>_mesh` beside each `<file>_pb` that has services. */
export const meshwrightPlugin: ReturnType<typeof createEcmaScriptPlugin> = createEcmaScriptPlugin<PluginOptions>({
  name: "protoc-gen-meshwright",
  version: `v${VERSION}`,
  parseOptions,
  generateTs: (schema) => generate(schema, "ts", ".ts"),
  generateJs: (schema) => generate(schema, "js", ".js"),
  generateDts: (schema) => generate(schema, "dts", ".d.ts"),
});

function generate(schema: Schema, part: Part, extension: string): void {
  for (const file of schema.files) {
    if (file.services.length > 0) {
      generateFile(schema.generateFile(`${file.name}_mesh${extension}`), file, part, schema.options);
    }
  }
}
