import type { HeaderFields } from "../http2/types.js";
import { isBase64 } from "./base64.js";

// Names that the transport itself sets: RFC 9113 section 8.2.2 and gRPC over HTTP/2.
const RESERVED: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "content-type",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
]);

/** User metadata as header fields; names that belong to the transport are left out. Undefined when nothing is left. */
export function headersToFields(init: HeadersInit | undefined): string[] | undefined {
  if (init === undefined) return undefined;
  const fields: string[] = [];
  if (init instanceof Headers) {
    init.forEach((value, name) => {
      push(fields, name, value);
    });
  } else if (Array.isArray(init)) {
    for (const [name, value] of new Headers(init)) push(fields, name, value);
  } else {
    for (const name in init) {
      const value = (init as Record<string, string>)[name];
      if (value === undefined) continue;
      if (IS_PLAIN_NAME.test(name) && IS_PLAIN_VALUE.test(value)) push(fields, name, value);
      else
        for (const [checkedName, checkedValue] of new Headers([[name, value]])) push(fields, checkedName, checkedValue);
    }
  }
  return fields.length === 0 ? undefined : fields;
}

// What needs neither lower-casing nor a check of its characters; the rest goes through Headers, which throws a
// TypeError that names the culprit.
const IS_PLAIN_NAME = /^[a-z0-9_.-]+$/;
const IS_PLAIN_VALUE = /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/;

function push(fields: string[], name: string, value: string): void {
  if (!isReserved(name)) fields.push(name, value);
}

function isReserved(name: string): boolean {
  return name.startsWith("grpc-") || name.startsWith(":") || RESERVED.has(name);
}

/** Received fields as the `Headers` that a user sees: without pseudo headers. Binary values stay base64. */
export function fieldsToHeaders(fields: HeaderFields): Headers {
  const headers = new Headers();
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (!name.startsWith(":")) headers.append(name, fields[index + 1] as string);
  }
  return headers;
}

/** The part of received fields that a peer's user set: what an error carries. */
export function userMetadata(fields: HeaderFields): Headers {
  const headers = new Headers();
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (!isReserved(name)) headers.append(name, fields[index + 1] as string);
  }
  return headers;
}

/** The value of a field; several values of one name are joined by ",". Names are compared as they are: lower case. */
export function lookup(fields: HeaderFields, name: string): string | undefined {
  let found: string | undefined;
  for (let index = 0; index < fields.length; index += 2) {
    if (fields[index] !== name) continue;
    const value = fields[index + 1] as string;
    found = found === undefined ? value : `${found},${value}`;
  }
  return found;
}

// Details are an extra to a status, which broken ones must not hide.
const LENIENT = "grpc-status-details-bin";

/** Why received binary metadata can't be read; undefined when all is well. Several values of a name are joined by ",". */
export function binaryFault(fields: HeaderFields): string | undefined {
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (!name.endsWith("-bin") || name === LENIENT) continue;
    for (const value of (fields[index + 1] as string).split(",")) {
      if (!isBase64(value.trim())) return `metadata "${name}" is no base64`;
    }
  }
  return undefined;
}
