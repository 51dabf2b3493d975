// A promise that nobody waits for and that is rejected when a byte says so.

/** @type {import("../../src/engine/target.js").Target} */
export const target = {
  name: "rejection",
  maxInputBytes: 16,
  covers: ["/toys/rejection"],
  dictionary: [],
  seeds: [Uint8Array.of(1, 2, 3, 4)],
  run: (input, length) => {
    if (length > 1 && input[1] === 0x80) void Promise.reject(new Error("nobody waits"));
  },
};
