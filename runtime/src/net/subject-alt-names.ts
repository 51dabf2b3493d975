import type { CertificateName } from "../base/tls.js";
import { ipFromBytes } from "./ip-address.js";

/** The names of a certificate, or why it can't be trusted to have any. */
export type SubjectAltNames =
  | { readonly kind: "ok"; readonly names: readonly CertificateName[] }
  | { readonly kind: "invalid"; readonly message: string };

/** One value of DER: its tag, and where its contents are. */
interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/** A certificate that breaks the rules of its encoding. */
class DerError extends Error {}

// ASN.1 tags of RFC 5280, sections 4.1 and 4.2.1.6.
const BOOLEAN = 0x01;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const SEQUENCE = 0x30;
const EXTENSIONS = 0xa3;
const DNS_NAME = 0x82;
const URI_NAME = 0x86;
const IP_ADDRESS = 0x87;

/** Contents of the object identifier 2.5.29.17. */
const SUBJECT_ALT_NAME = [0x55, 0x1d, 0x11];

/**
 * Reads subjectAltName from the DER of a certificate. Not from a text that lists the names, in which one name can pass
 * for several (CVE-2021-44532).
 */
export function subjectAltNames(certificate: Uint8Array): SubjectAltNames {
  try {
    return { kind: "ok", names: readNames(certificate) };
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return { kind: "invalid", message: error.message };
  }
}

function readNames(der: Uint8Array): CertificateName[] {
  const outer = readElement(der, 0, der.length);
  expectTag(outer, SEQUENCE, "certificate");
  const body = readElement(der, outer.start, outer.end);
  expectTag(body, SEQUENCE, "tbsCertificate");
  let found: Element | undefined;
  for (const field of elementsOf(der, body)) {
    if (field.tag !== EXTENSIONS) continue;
    const list = readElement(der, field.start, field.end);
    expectTag(list, SEQUENCE, "extensions");
    for (const extension of elementsOf(der, list)) {
      const value = extensionValue(der, extension);
      if (value === undefined) continue;
      if (found !== undefined) throw new DerError("it has two subjectAltName extensions");
      found = value;
    }
  }
  if (found === undefined) return [];
  const names = readElement(der, found.start, found.end);
  expectTag(names, SEQUENCE, "subjectAltName");
  return elementsOf(der, names).flatMap((name) => nameOf(der, name) ?? []);
}

/** The contents of an extension, if it is subjectAltName. */
function extensionValue(der: Uint8Array, extension: Element): Element | undefined {
  expectTag(extension, SEQUENCE, "extension");
  const [id, ...rest] = elementsOf(der, extension);
  if (id === undefined || id.tag !== OBJECT_IDENTIFIER) throw new DerError("an extension has no identifier");
  const bytes = der.subarray(id.start, id.end);
  if (bytes.length !== SUBJECT_ALT_NAME.length || !SUBJECT_ALT_NAME.every((byte, index) => byte === bytes[index])) {
    return undefined;
  }
  const value = rest[0]?.tag === BOOLEAN ? rest[1] : rest[0];
  if (value === undefined || value.tag !== OCTET_STRING) throw new DerError("subjectAltName has no value");
  return value;
}

function nameOf(der: Uint8Array, { tag, start, end }: Element): CertificateName | undefined {
  const bytes = der.subarray(start, end);
  switch (tag) {
    case DNS_NAME:
      return { kind: "dns", value: textOf(bytes) };
    case URI_NAME:
      return { kind: "uri", value: textOf(bytes) };
    case IP_ADDRESS: {
      const value = ipFromBytes(bytes);
      if (value === undefined) throw new DerError(`an IP address in it has ${bytes.length} bytes`);
      return { kind: "ip", value };
    }
    default:
      // Other kinds of names, such as mail addresses, are nothing that a server or a workload is known by.
      return undefined;
  }
}

/** IA5String without control characters: a name with a NUL in it is read as another by some (CVE-2009-2408). */
function textOf(bytes: Uint8Array): string {
  for (const byte of bytes) {
    if (byte < 0x20 || byte > 0x7e) throw new DerError("a name in it has characters that no name has");
  }
  return Buffer.from(bytes).toString("latin1");
}

function elementsOf(der: Uint8Array, parent: Element): Element[] {
  const elements: Element[] = [];
  for (let at = parent.start; at < parent.end; ) {
    const element = readElement(der, at, parent.end);
    elements.push(element);
    at = element.end;
  }
  return elements;
}

/** Reads the element at `at`, which must end before or at `limit`. */
function readElement(der: Uint8Array, at: number, limit: number): Element {
  const tag = der[at];
  const first = der[at + 1];
  if (tag === undefined || first === undefined || at + 2 > limit) throw new DerError("it is cut short");
  if ((tag & 0x1f) === 0x1f) throw new DerError("it has a tag of several bytes");
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    // Neither the indefinite form nor lengths that no certificate has: DER has one encoding of a length.
    const count = first & 0x7f;
    if (count === 0 || count > 3 || start + count > limit) throw new DerError("it has a length that DER has not");
    length = 0;
    for (let index = 0; index < count; index += 1) length = length * 256 + (der[start + index] ?? 0);
    if (length < 0x80 || length < 256 ** (count - 1)) throw new DerError("it has a length that DER has not");
    start += count;
  }
  const end = start + length;
  if (end > limit) throw new DerError("it is cut short");
  return { tag, start, end };
}

function expectTag({ tag }: Element, expected: number, what: string): void {
  if (tag !== expected) throw new DerError(`its ${what} has tag ${tag} instead of ${expected}`);
}
