import { Refusal } from "./complain.js";

/** The plugin's own options; the shared ones, such as `target` and `import_extension`, are protoplugin's. */
export interface PluginOptions {
  /** Domain of the hosts that stand for interfaces. Defaults to `rpc.mesh`, which the runtime expects as well. */
  readonly meshDomain: string;
}

const DOMAIN = /^(?=.{1,200}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
const OWN = ["mesh_domain"];
const SHARED = [
  "target",
  "import_extension",
  "js_import_style",
  "keep_empty_files",
  "ts_nocheck",
  "elide_plugin_version",
  "rewrite_imports",
];

/** Reads the options that protoplugin does not know. An unknown one is an error: a typo must not pass in silence. */
export function parseOptions(pairs: readonly { readonly key: string; readonly value: string }[]): PluginOptions {
  let meshDomain = "rpc.mesh";
  for (const { key, value } of pairs) {
    switch (key) {
      case "mesh_domain":
        if (!DOMAIN.test(value)) {
          throw new Refusal(
            `option mesh_domain: "${value}" is not a domain; expected lower-case labels joined by dots, such as rpc.mesh`,
          );
        }
        meshDomain = value;
        break;
      default:
        throw new Refusal(`unknown option "${key}"; known are ${[...OWN, ...SHARED].join(", ")}`);
    }
  }
  return { meshDomain };
}
