import { create } from "@bufbuild/protobuf";
import { type CodeGeneratorResponse, CodeGeneratorResponseSchema } from "@bufbuild/protobuf/wkt";
import { createEcmaScriptPlugin } from "@bufbuild/protoplugin";
import { Refusal } from "./complain.js";
import { generateFile, type Part } from "./generate.js";
import { type PluginOptions, parseOptions } from "./options.js";
import { checkRequest, tameComments } from "./request.js";

/** The plugin's version, in the preamble of what it generates. */
export const VERSION = "0.1.0";

type Plugin = ReturnType<typeof createEcmaScriptPlugin>;
type Schema = Parameters<Parameters<typeof createEcmaScriptPlugin<PluginOptions>>[0]["generateTs"]>[0];

const generator: Plugin = createEcmaScriptPlugin<PluginOptions>({
  name: "protoc-gen-meshwright",
  version: `v${VERSION}`,
  parseOptions,
  generateTs: (schema) => generate(schema, "ts", ".ts"),
  generateJs: (schema) => generate(schema, "js", ".js"),
  generateDts: (schema) => generate(schema, "dts", ".d.ts"),
});

/**
 * `protoc-gen-meshwright`: one `<file>_mesh` beside each `<file>_pb` that has services. The same request, its files in any
 * order, gives the same bytes. What the user must change is the response's `error`, and then there are no files.
 */
export const meshwrightPlugin: Plugin = {
  name: generator.name,
  version: generator.version,
  run(request) {
    try {
      checkRequest(request);
      return withSortedImports(generator.run(tameComments(request)));
    } catch (error) {
      if (isForTheUser(error)) return create(CodeGeneratorResponseSchema, { error: error.message });
      throw error;
    }
  },
};

function generate(schema: Schema, part: Part, extension: string): void {
  if (schema.options.jsImportStyle === "legacy_commonjs") {
    throw new Refusal("option js_import_style: legacy_commonjs: the mesh runtime is ESM only; expected module");
  }
  for (const file of [...schema.files].sort((a, b) => compare(a.name, b.name))) {
    const path = `${file.name}_mesh`;
    generateFile(schema.generateFile(`${path}${extension}`), `./${path}.js`, file, part, schema.options);
  }
}

/** protoplugin sorts imported names as the locale of the machine has it. */
function withSortedImports(response: CodeGeneratorResponse): CodeGeneratorResponse {
  for (const file of response.file) {
    file.content = file.content.replace(
      /^(import (?:type )?\{ )([^}]*)( \} from )/gm,
      (_, head: string, names: string, tail: string) => head + names.split(", ").sort(compare).join(", ") + tail,
    );
  }
  return response;
}

function isForTheUser(error: unknown): error is Error {
  return error instanceof Refusal || (error instanceof Error && error.name === "PluginOptionError");
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
