import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OutputBuffer } from "../output-buffer.js";
import type { HeaderFields, HeaderTemplate } from "../types.js";
import { HeaderDecoder } from "./decoder.js";
import { HeaderEncoder } from "./encoder.js";

class Pair {
  readonly encoder = new HeaderEncoder();
  readonly #output = new OutputBuffer();
  readonly #decoder: HeaderDecoder = new HeaderDecoder(4096, {
    maxHeaderListBytes: 1 << 20,
    hardHeaderListBytes: 1 << 22,
    maxFieldCount: 10_000,
  });

  encode(template: HeaderTemplate, extra?: HeaderFields): Buffer {
    const bound = this.encoder.bound(template, extra);
    this.#output.reserve(bound);
    const start = this.#output.position;
    const byteCount = this.encoder.encode(this.#output, template, extra);
    expect(byteCount).toBeLessThanOrEqual(bound);
    return Buffer.from(this.#output.slab.subarray(start, start + byteCount));
  }

  decode(block: Buffer): string[] {
    expect(this.#decoder.decode(block, 0, block.length)).toBe("ok");
    return this.#decoder.fields;
  }
}

const REQUEST: HeaderTemplate = {
  fields: [":method", "POST", ":scheme", "http", ":path", "/a.B/C", ":authority", "a.example", "te", "trailers"],
};

describe("HeaderEncoder", () => {
  it("comes down to one byte per field of a template", () => {
    const pair = new Pair();
    expect(pair.decode(pair.encode(REQUEST))).toEqual(REQUEST.fields);
    const block = pair.encode(REQUEST);
    expect(pair.decode(block)).toEqual(REQUEST.fields);
    expect(block.length).toBe(5);
    expect(pair.encode(REQUEST)).toEqual(block);
  });

  it("never indexes credentials, in templates or beside them", () => {
    const pair = new Pair();
    const secret = "s3cret-".repeat(10);
    const block = pair.encode({ fields: ["cookie", secret] }, ["authorization", secret]);
    expect(pair.decode(block)).toEqual(["cookie", secret, "authorization", secret]);
    expect((block[0] ?? 0) & 0xf0).toBe(0x10);
    expect(pair.encode({ fields: ["cookie", secret] }, ["authorization", secret])).toEqual(block);
  });

  it("uses Huffman only where it is shorter", () => {
    const pair = new Pair();
    const unfit = "\x7f".repeat(40);
    const block = pair.encode({ fields: [] }, ["a", unfit, "b", "0".repeat(80)]);
    expect(pair.decode(block)).toEqual(["a", unfit, "b", "0".repeat(80)]);
    expect(block.length).toBe(4 + 40 + 4 + 50);
  });

  it("follows the peer's table size, and says so at the start of a block (RFC 7541 section 4.2)", () => {
    const pair = new Pair();
    pair.decode(pair.encode(REQUEST));
    pair.encoder.setMaxTableBytes(0);
    pair.encoder.setMaxTableBytes(4096);
    const block = pair.encode(REQUEST);
    expect([...block.subarray(0, 4)]).toEqual([0x20, 0x3f, 0xe1, 0x1f]);
    expect(pair.decode(block)).toEqual(REQUEST.fields);
    expect(pair.decode(pair.encode(REQUEST))).toEqual(REQUEST.fields);
    pair.encoder.setMaxTableBytes(0);
    for (let count = 0; count < 3; count++) expect(pair.decode(pair.encode(REQUEST))).toEqual(REQUEST.fields);
  });

  it("caps its table at 4096 bytes, whatever the peer allows", () => {
    const pair = new Pair();
    pair.encoder.setMaxTableBytes(2 ** 32 - 1);
    for (let count = 0; count < 300; count++) {
      const template = { fields: [`name-${count}`, "v".repeat(50)] };
      expect(pair.decode(pair.encode(template))).toEqual(template.fields);
    }
    expect(pair.decode(pair.encode(REQUEST))).toEqual(REQUEST.fields);
  });

  it("agrees with the decoder over any sequence of blocks and table sizes", () => {
    const name = fc.stringMatching(/^[a-z][a-z-]{0,20}$/);
    const value = fc.stringMatching(/^[!-~]{0,60}$/);
    const fields = fc.array(fc.tuple(name, value), { maxLength: 6 }).map((pairs) => pairs.flat());
    const step = fc.record({
      template: fc.nat(4),
      extra: fc.option(fields, { nil: undefined }),
      size: fc.option(fc.constantFrom(0, 64, 200, 4096, 100_000), { nil: undefined, freq: 8 }),
    });
    fc.assert(
      fc.property(
        fc.array(fields, { minLength: 5, maxLength: 5 }),
        fc.array(step, { maxLength: 40 }),
        (lists, steps) => {
          const pair = new Pair();
          const templates = lists.map((list): HeaderTemplate => ({ fields: list }));
          for (const { template, extra, size } of steps) {
            if (size !== undefined) pair.encoder.setMaxTableBytes(size);
            const used = templates[template] as HeaderTemplate;
            expect(pair.decode(pair.encode(used, extra))).toEqual([...used.fields, ...(extra ?? [])]);
          }
        },
      ),
    );
  });
});
