import type { HeaderFields } from "./types.js";

/** What a header block is for; each has its own pseudo headers (RFC 9113 sections 8.1 and 8.3). */
export type BlockRole = "request" | "response" | "trailers";

/** What is wrong with a header list, or undefined. The stream of a malformed one ends with PROTOCOL_ERROR. */
export function checkFields(fields: HeaderFields, role: BlockRole): string | undefined {
  let index = 0;
  let method = 0;
  let scheme = 0;
  let path = 0;
  let authority = 0;
  let status = 0;
  for (; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (name.charCodeAt(0) !== COLON) break;
    switch (name) {
      case ":method":
        method += 1;
        break;
      case ":scheme":
        scheme += 1;
        break;
      case ":path":
        if (fields[index + 1] === "") return ":path is empty";
        path += 1;
        break;
      case ":authority":
        authority += 1;
        break;
      case ":status":
        status += 1;
        break;
      default:
        return `unknown pseudo header ${name}`;
    }
  }
  for (; index < fields.length; index += 2) {
    const complaint = checkField(fields[index] as string, fields[index + 1] as string);
    if (complaint !== undefined) return complaint;
  }
  switch (role) {
    case "request":
      if (method !== 1 || scheme !== 1 || path !== 1) return ":method, :scheme and :path must each come once";
      return authority > 1 || status > 0 ? "pseudo headers do not belong to a request" : undefined;
    case "response":
      return status !== 1 || method + scheme + path + authority > 0 ? ":status must come once and alone" : undefined;
    case "trailers":
      return method + scheme + path + authority + status > 0 ? "trailers have no pseudo headers" : undefined;
  }
}

const COLON = 0x3a;

function checkField(name: string, value: string): string | undefined {
  switch (name) {
    case "connection":
    case "keep-alive":
    case "proxy-connection":
    case "transfer-encoding":
    case "upgrade":
      return `${name} does not belong to HTTP/2`;
    case "te":
      return value === "trailers" ? undefined : `te "${value}" must be "trailers"`;
    default:
      return name.charCodeAt(0) === COLON ? `pseudo header ${name} after a regular one` : undefined;
  }
}

/** The declared body length, or undefined. `NaN` when it is not a number, or declared with two values. */
export function contentLength(fields: HeaderFields): number | undefined {
  let length: number | undefined;
  for (let index = 0; index < fields.length; index += 2) {
    if (fields[index] === "content-length") {
      const text = fields[index + 1] as string;
      const declared = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      length = length === undefined || length === declared ? declared : Number.NaN;
    }
  }
  return length;
}
