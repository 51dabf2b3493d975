/** Names of RFC 7541 appendix A by index; index 0 is not used. */
export const STATIC_NAMES: readonly string[] = [
  "",
  ":authority",
  ":method",
  ":method",
  ":path",
  ":path",
  ":scheme",
  ":scheme",
  ":status",
  ":status",
  ":status",
  ":status",
  ":status",
  ":status",
  ":status",
  "accept-charset",
  "accept-encoding",
  "accept-language",
  "accept-ranges",
  "accept",
  "access-control-allow-origin",
  "age",
  "allow",
  "authorization",
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-range",
  "content-type",
  "cookie",
  "date",
  "etag",
  "expect",
  "expires",
  "from",
  "host",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "last-modified",
  "link",
  "location",
  "max-forwards",
  "proxy-authenticate",
  "proxy-authorization",
  "range",
  "referer",
  "refresh",
  "retry-after",
  "server",
  "set-cookie",
  "strict-transport-security",
  "transfer-encoding",
  "user-agent",
  "vary",
  "via",
  "www-authenticate",
];

const VALUES: Readonly<Record<number, string>> = {
  2: "GET",
  3: "POST",
  4: "/",
  5: "/index.html",
  6: "http",
  7: "https",
  8: "200",
  9: "204",
  10: "206",
  11: "304",
  12: "400",
  13: "404",
  14: "500",
  16: "gzip, deflate",
};

/** Values of RFC 7541 appendix A by index. */
export const STATIC_VALUES: readonly string[] = STATIC_NAMES.map((_, index) => VALUES[index] ?? "");

/** Entries of the static table; the dynamic table starts after them. */
export const STATIC_COUNT = 61;

/** What RFC 7541 section 4.1 and RFC 9113 section 6.5.2 add to the length of a field's name and value. */
export const FIELD_OVERHEAD_BYTES = 32;

const FIRST_INDEX_OF_NAME: ReadonlyMap<string, number> = new Map(
  STATIC_NAMES.map((name, index): [string, number] => [name, index])
    .slice(1)
    .reverse(),
);

/** The lowest static index with `name`, or 0. */
export function staticNameIndex(name: string): number {
  return FIRST_INDEX_OF_NAME.get(name) ?? 0;
}

/** The static index of the whole field, or 0. */
export function staticFieldIndex(name: string, value: string): number {
  for (let index = staticNameIndex(name); index > 0 && STATIC_NAMES[index] === name; index++) {
    if (STATIC_VALUES[index] === value) return index;
  }
  return 0;
}
