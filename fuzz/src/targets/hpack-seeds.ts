/** Blocks as inputs of the target: each behind its length. */
function blocks(choice: number, ...hex: string[]): Uint8Array {
  const parts = hex.map((text) => Buffer.from(text.replaceAll(" ", ""), "hex"));
  return Buffer.concat([Uint8Array.of(choice), ...parts.flatMap((part) => [Uint8Array.of(part.length), part])]);
}

/** RFC 7541 appendix C and what it leaves out. */
export const HPACK_SEEDS: readonly Uint8Array[] = [
  // C.2: a literal with and without indexing, one that is never indexed, an indexed field.
  blocks(0, "400a 637573746f6d2d6b6579 0d 637573746f6d2d686561646572", "040c 2f73616d706c652f70617468"),
  blocks(0, "1008 70617373776f7264 06 736563726574", "82"),
  // C.3: three requests on one connection.
  blocks(
    0,
    "828684 410f 7777772e6578616d706c652e636f6d",
    "828684be 5808 6e6f2d6361636865",
    "828785bf 400a 637573746f6d2d6b6579 0c 637573746f6d2d76616c7565",
  ),
  // C.4: the same in Huffman code.
  blocks(
    0,
    "828684 418c f1e3c2e5f23a6ba0ab90f4ff",
    "828684be 5886 a8eb10649cbf",
    "828785bf 4088 25a849e95ba97d7f 89 25a849e95bb8e8b4bf",
  ),
  // C.5: responses in a table of 256 bytes, which evict.
  blocks(
    3,
    "4803 333032 5807 70726976617465 611d 4d6f6e2c203231204f637420323031332032303a31333a323120474d54 6e17 68747470733a2f2f7777772e6578616d706c652e636f6d",
    "4803 333037 c1c0bf",
    "88c1 611d 4d6f6e2c203231204f637420323031332032303a31333a323220474d54 c0 5a04 677a6970",
  ),
  // C.6: one of them in Huffman code.
  blocks(
    3,
    "4882 6402 5885 aec3771a4b 6196 d07abe941054d444a8200595040b8166e082a62d1bff 6e91 9d29ad171863c78f0b97c8e9ae82ae43d3",
    "4883 640eff c1c0bf",
  ),
  // Size updates: down, up, twice at the start, one too many, one too late, one too large.
  blocks(0, "20 82", "3fe11f 82", "20 3fe11f 82", "82 20"),
  blocks(0, "3fe21f"),
  blocks(1, "20", "4001610162", "be"),
  blocks(2, "40016101 62", "4001630164 be bf", "c0"),
  // Integers: on the edge of a prefix, in several octets, too long, cut off.
  blocks(0, "ff00", "7f00 0161"),
  blocks(0, "ff8080808001"),
  blocks(0, "ff"),
  // Strings: empty, cut off, with illegal characters, with padding that is too long or not ones.
  blocks(0, "000000"),
  blocks(0, "0001610a62"),
  blocks(0, "0001410161"),
  blocks(0, "00016103610a62"),
  blocks(0, "00016181ff"),
  blocks(0, "0001618100"),
  blocks(0, "00016184ffffffff"),
  blocks(4, "82828282828282828282", "82"),
  blocks(0x20, "0009617574686f72697a6100", "5086 a8eb10649cbf", "7b0161"),
];

/** Beginnings of representations, sizes and names on which the code branches. */
export const HPACK_WORDS: readonly Uint8Array[] = [
  "20",
  "3f00",
  "3fe11f",
  "3fff7f",
  "3fe1ff7f",
  "40",
  "0f",
  "1f",
  "10",
  "00",
  "7f",
  "80",
  "81",
  "82",
  "84",
  "86",
  "87",
  "88",
  "be",
  "bf",
  "c0",
  "ff00",
  "ff80",
  "ffffffff7f",
  "ff8080808000",
  "7f80",
  "0f2f",
  "4001610162",
  "0001610162",
  "1001610162",
  "418cf1e3c2e5f23a6ba0ab90f4ff",
  "83a8eb10",
  "8125",
  "01ff",
  "0120",
  "010a",
  "3a6d6574686f64",
  "636f6f6b6965",
  "617574686f72697a6174696f6e",
].map((hex) => Buffer.from(hex, "hex"));
