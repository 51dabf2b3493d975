import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap } from "yaml";
import { didYouMean } from "./did-you-mean.js";
import { durationToJson } from "./duration.js";
import { unsupportedField } from "./unsupported.js";

/** Told what is wrong with which node. */
export type Complain = (severity: "error" | "warning", node: Node | null, message: string) => void;

const DURATION = "google.protobuf.Duration";
const BOOL_VALUE = "google.protobuf.BoolValue";

/**
 * Turns a YAML node into the JSON of a message and checks it on the way against the message's descriptor: every
 * complaint is about the very node that is wrong. What it returns after an error is not to be used.
 */
export function readSpec(document: Document, node: Node | null, desc: DescMessage, complain: Complain): JsonObject {
  const reader = new SpecReader(document, complain);
  return reader.message(node, desc, "spec");
}

class SpecReader {
  readonly #document: Document;
  readonly #complain: Complain;

  constructor(document: Document, complain: Complain) {
    this.#document = document;
    this.#complain = complain;
  }

  message(node: Node | null, desc: DescMessage, what: string): JsonObject {
    const map = this.#map(node, what);
    const json: JsonObject = {};
    if (map === undefined) return json;
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : String(key);
      const field = desc.fields.find((candidate) => candidate.jsonName === name || candidate.name === name);
      if (field === undefined) {
        this.#unknown(name, key as Node, desc);
      } else if (value !== null && !(isScalar(value) && value.value === null)) {
        json[field.jsonName] = this.#field(value as Node, field);
      }
    }
    return json;
  }

  #unknown(name: string, node: Node, desc: DescMessage): void {
    const severity = unsupportedField(desc.name, name);
    if (severity !== undefined) {
      this.#complain(
        severity,
        node,
        `${desc.name}.${name} is not supported yet${severity === "warning" ? " and has no effect" : ""}`,
      );
      return;
    }
    const known = desc.fields.map(({ jsonName }) => jsonName);
    this.#complain(
      "error",
      node,
      `unknown field "${name}" of ${desc.name}${didYouMean(name, known)}; known are ${known.join(", ")}`,
    );
  }

  #field(value: Node, field: DescField): JsonValue {
    const node = this.#resolve(value);
    const name = field.jsonName;
    switch (field.fieldKind) {
      case "message":
        return this.#messageValue(node, field.message, name);
      case "enum":
        return this.#enum(node, field.enum, name);
      case "scalar":
        return this.#scalar(node, field.scalar, name);
      case "list":
        if (!isSeq(node)) return this.#wrong(node, name, "a list");
        return node.items.map((item) => {
          const element = this.#resolve(item as Node);
          if (field.listKind === "message") return this.#messageValue(element, field.message, name);
          return field.listKind === "enum"
            ? this.#enum(element, field.enum, name)
            : this.#scalar(element, field.scalar, name);
        });
      case "map": {
        const map = this.#map(node, name);
        const json: JsonObject = {};
        for (const item of map?.items ?? []) {
          const key = isScalar(item.key) ? String(item.key.value) : String(item.key);
          const element = this.#resolve(item.value as Node);
          json[key] =
            field.mapKind === "message"
              ? this.#messageValue(element, field.message, key)
              : field.mapKind === "enum"
                ? this.#enum(element, field.enum, key)
                : this.#scalar(element, field.scalar, key);
        }
        return json;
      }
    }
  }

  #messageValue(node: Node | null, desc: DescMessage, name: string): JsonValue {
    const value = isScalar(node) ? node.value : undefined;
    switch (desc.typeName) {
      case DURATION: {
        const json = typeof value === "string" || value === 0 ? durationToJson(String(value)) : undefined;
        return json ?? this.#wrong(node, name, 'a duration such as "500ms" or "1m30s"');
      }
      case BOOL_VALUE:
        return typeof value === "boolean" ? value : this.#wrong(node, name, "true or false");
      default:
        return this.message(node, desc, name);
    }
  }

  #enum(node: Node | null, desc: DescEnum, name: string): JsonValue {
    const value = isScalar(node) ? node.value : undefined;
    const known = desc.values.map((candidate) => candidate.name);
    if (typeof value === "string" && known.includes(value)) return value;
    const hint = typeof value === "string" ? didYouMean(value, known) : "";
    return this.#wrong(node, name, `one of ${known.join(", ")}${hint}`);
  }

  #scalar(node: Node | null, type: ScalarType, name: string): JsonValue {
    const value = isScalar(node) ? node.value : undefined;
    switch (type) {
      case ScalarType.STRING:
        // Versions and the like are written without quotes; YAML makes numbers of them.
        if (typeof value === "string") return value;
        return typeof value === "number" && isScalar(node)
          ? String(node.source ?? value)
          : this.#wrong(node, name, "a text");
      case ScalarType.BOOL:
        return typeof value === "boolean" ? value : this.#wrong(node, name, "true or false");
      case ScalarType.BYTES:
        return typeof value === "string" ? value : this.#wrong(node, name, "base64 text");
      case ScalarType.UINT32:
        return Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32
          ? Number(value)
          : this.#wrong(node, name, "a whole number of at least 0");
      default:
        return Number.isInteger(value) ? Number(value) : this.#wrong(node, name, "a whole number");
    }
  }

  #map(node: Node | null, what: string): YAMLMap | undefined {
    const resolved = this.#resolve(node);
    if (isMap(resolved)) return resolved;
    this.#wrong(resolved, what, "a mapping of fields to values");
    return undefined;
  }

  #wrong(node: Node | null, name: string, expected: string): null {
    this.#complain("error", node, `${name}: found ${show(node)}, expected ${expected}`);
    return null;
  }

  #resolve(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(this.#document) ?? null) : node;
  }
}

function show(node: Node | null): string {
  if (isScalar(node)) return node.value === null ? "nothing" : JSON.stringify(node.value);
  if (isSeq(node)) return "a list";
  return isMap(node) ? "a mapping" : "nothing";
}
