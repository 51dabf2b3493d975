// A loop that one byte makes endless.

/** @type {import("../../src/engine/target.js").Target} */
export const target = {
  name: "endless-loop",
  maxInputBytes: 16,
  covers: ["/toys/endless-loop"],
  dictionary: [],
  seeds: [Uint8Array.of(1, 2, 3, 4)],
  run: (input, length) => {
    let step = 1;
    if (length > 2 && input[2] === 0xff) step = 0;
    for (let at = 0; at < length; at += step);
  },
};
