export interface Field {
  readonly name: string;
  readonly value: string;
}

/** One header list to encode. */
export interface HeaderList {
  readonly fields: readonly Field[];
  /** SETTINGS_HEADER_TABLE_SIZE of the decoder changes to these, in turn, before the list. */
  readonly tables?: readonly number[];
}

/** Header lists that share a compression context, as encoded by `encoder`. */
export interface Story {
  /** Encoder and number, such as `nghttp2/story_00`. */
  readonly name: string;
  readonly cases: readonly StoryCase[];
}

export interface StoryCase {
  readonly fields: readonly Field[];
  /** The encoded block; none in the stories of `raw-data`. */
  readonly wire: Buffer;
  /** SETTINGS_HEADER_TABLE_SIZE from here on. Absent: as before. */
  readonly tableBytes?: number;
}

/** Fields that RFC 7541 never puts into a table. */
export const NEVER_INDEXED: ReadonlySet<string> = new Set(["authorization", "cookie", "set-cookie"]);

/** The same field, in the form of decoders: flat. */
export function flat(fields: readonly Field[]): string[] {
  return fields.flatMap(({ name, value }) => [name, value]);
}

/** RFC 9113 section 8.2.1: such a value is malformed, however well it was encoded. */
export function isLegalValue(value: string): boolean {
  return value === value.replace(/^[ \t]|[ \t]$|[\0\r\n]/g, "");
}

// What belongs to a connection of HTTP/1.1 (RFC 9113 section 8.2.2), what must fit a body that is not there, and what
// must be the same as :authority.
const DROPPED =
  /^(connection|keep-alive|proxy-connection|transfer-encoding|upgrade|te|content-length|host|http2-settings)$/;

/**
 * The lists of a story as request headers that every HTTP/2 server takes: pseudo headers first and complete, fields of
 * one name side by side, as node:http2 sends them. The table grows and shrinks on the way, by `changes`, turn about.
 */
export function requestLists({ cases }: Story, changes: readonly (readonly number[])[]): HeaderList[] {
  return cases.map(({ fields }, index) => {
    const pseudo = new Map([
      [":method", "GET"],
      [":scheme", "https"],
      [":authority", "example.com"],
      [":path", "/"],
    ]);
    const byName = new Map<string, Field[]>();
    for (const { name, value } of fields) {
      if (pseudo.has(name)) pseudo.set(name, value);
      if (name.startsWith(":") || DROPPED.test(name) || !isLegalValue(value)) continue;
      const same = byName.get(name);
      // A second value of a field that may occur only once, such as a date, would be refused.
      if (same === undefined) byName.set(name, [{ name, value }]);
      else if (name === "set-cookie" || name === "cookie") same.push({ name, value });
    }
    const list = [...pseudo].map(([name, value]) => ({ name, value })).concat(...byName.values());
    const isChange = index > 0 && index % CASES_PER_TABLE === 0;
    const tables = changes[(index / CASES_PER_TABLE) % changes.length];
    return { fields: list, ...(isChange && tables !== undefined ? { tables } : {}) };
  });
}

const CASES_PER_TABLE = 16;
