// A bug behind a magic word that is compared byte by byte, and that coverage alone can find its way to.

/** @type {readonly number[]} */
const WORD = [0x6d, 0x73, 0x68];

/** @param {Buffer} input */
function nested(input) {
  if (input[0] !== WORD[0]) return;
  if (input[1] !== WORD[1]) return;
  if (input[2] !== WORD[2]) return;
  throw new Error("the planted bug");
}

/** @type {import("../../src/engine/target.js").Target} */
export const target = {
  name: "nested-comparisons",
  maxInputBytes: 16,
  covers: ["/toys/nested-comparisons"],
  dictionary: [],
  seeds: [new Uint8Array(8)],
  run: (input, length) => {
    if (length >= WORD.length) nested(input);
  },
};
