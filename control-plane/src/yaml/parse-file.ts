import { type DescMessage, fromJson } from "@bufbuild/protobuf";
import { DestinationRuleSchema } from "@meshwright/proto/istio/networking/v1alpha3/destination_rule_pb";
import { ServiceEntrySchema, WorkloadEntrySchema } from "@meshwright/proto/istio/networking/v1alpha3/service_entry_pb";
import { VirtualServiceSchema } from "@meshwright/proto/istio/networking/v1alpha3/virtual_service_pb";
import { type Document, isMap, isNode, LineCounter, type Node, parseAllDocuments } from "yaml";
import { didYouMean } from "./did-you-mean.js";
import type { IstioObject, Loaded, Path, Problem } from "./istio-object.js";
import { readSpec } from "./spec-reader.js";

const GROUP = "networking.istio.io";
const VERSIONS = ["v1", "v1beta1", "v1alpha3"];
const SCHEMAS: ReadonlyMap<string, DescMessage> = new Map<string, DescMessage>([
  ["VirtualService", VirtualServiceSchema],
  ["DestinationRule", DestinationRuleSchema],
  ["ServiceEntry", ServiceEntrySchema],
  ["WorkloadEntry", WorkloadEntrySchema],
]);
// Kinds that Istio has in the same group; they are passed over, not refused.
const OTHER_KINDS = ["Gateway", "Sidecar", "EnvoyFilter", "WorkloadGroup", "ProxyConfig"];

/** Reads the documents of one file; objects without a namespace belong to `namespace`. */
export function parseFile(file: string, text: string, namespace: string): Loaded {
  const lines = new LineCounter();
  const objects: IstioObject[] = [];
  const problems: Problem[] = [];
  const positionOf = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  for (const document of "empty" in documents ? [] : documents) {
    for (const { pos, message } of document.errors) {
      problems.push({ severity: "error", where: positionOf(pos[0]), message: `not valid YAML: ${message}` });
    }
    // A document may be empty, or hold nothing but comments.
    if (document.errors.length > 0 || document.toJS() === null) continue;
    const object = parseDocument(document, namespace, positionOf, (problem) => problems.push(problem));
    if (object !== undefined) objects.push(object);
  }
  return { objects, problems };
}

function parseDocument(
  document: Document,
  defaultNamespace: string,
  positionOf: (offset: number) => string,
  report: (problem: Problem) => void,
): IstioObject | undefined {
  let isValid = true;
  const at = (node: Node | null | undefined): string => positionOf(node?.range?.[0] ?? document.range?.[0] ?? 0);
  const complain = (severity: Problem["severity"], node: Node | null | undefined, message: string): undefined => {
    if (severity === "error") isValid = false;
    report({ severity, where: at(node), message });
    return undefined;
  };
  if (!isMap(document.contents))
    return complain("error", document.contents, "expected an object with apiVersion, kind and spec");

  const apiVersion = document.get("apiVersion");
  const kind = document.get("kind");
  const node = (...path: string[]): Node | undefined => {
    const found = document.getIn(path, true);
    return isNode(found) ? found : undefined;
  };
  if (typeof apiVersion !== "string" || typeof kind !== "string") {
    return complain(
      "error",
      document.contents,
      "apiVersion and kind must be given, such as networking.istio.io/v1 and VirtualService",
    );
  }
  const [group, version = ""] = apiVersion.split("/");
  const schema = SCHEMAS.get(kind);
  if (group !== GROUP || (schema === undefined && OTHER_KINDS.includes(kind))) {
    return complain("warning", node("kind"), `${kind} of ${apiVersion} is not supported yet and has no effect`);
  }
  if (schema === undefined) {
    return complain(
      "error",
      node("kind"),
      `unknown kind "${kind}"${didYouMean(kind, SCHEMAS.keys())}; known are ${[...SCHEMAS.keys()].join(", ")}`,
    );
  }
  if (!VERSIONS.includes(version)) {
    return complain(
      "error",
      node("apiVersion"),
      `unknown version "${version}" of ${GROUP}; known are ${VERSIONS.join(", ")}`,
    );
  }
  const name = document.getIn(["metadata", "name"]);
  if (typeof name !== "string" || name === "")
    return complain("error", node("metadata"), `${kind} has no metadata.name`);
  const namespace = document.getIn(["metadata", "namespace"]);
  const json = readSpec(document, node("spec") ?? null, schema, complain);
  if (!isValid) return undefined;
  const common = {
    name,
    namespace: typeof namespace === "string" ? namespace : defaultNamespace,
    at: (path: Path) => at(nearest(document, ["spec", ...path])),
  };
  try {
    return { ...common, kind, spec: fromJson(schema, json) } as IstioObject;
  } catch (error) {
    return complain("error", node("spec"), error instanceof Error ? error.message : String(error));
  }
}

/** The node at a path, or the nearest one above it. */
function nearest(document: Document, path: Path): Node | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const found = document.getIn(path.slice(0, length), true);
    if (isNode(found)) return found;
  }
  return undefined;
}
