/** Inputs of the connection target as readable hex: setup, reactions, ops; see `Op`. */
function seed(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
}

const SERVER = [
  // A unary call: request, message, end; response, message, trailers.
  "00 01 c2 01 d3 02 d3 10 07 00 08 05 0b 00 07 09 0c",
  // Responds at once, in tiny pieces, and with everything in one chunk.
  "50 05 c2 41 c2 41 0c",
  "c0 05 c2 01 d3 04 d3 14 c2 41 0c",
  // Header blocks over CONTINUATION, padded and prioritised HEADERS, padded DATA.
  "00 01 c2 c1 c2 82 0c",
  "00 01 11 01 2d 0d 02 00000000 10 828684410161 0000 d3 35",
  "00 01 c2 01 d3 27 d3 37",
  // Resets by both sides, and frames that come late.
  "00 00 c2 01 76 0d 0a 08 d3 02",
  "00 00 c2 01 0a 08 d3 02 44 01 c2 01",
  "04 00 f2 01 ff c2 01 0c",
  // Windows: SETTINGS and WINDOW_UPDATE of 0, 1 and too much.
  "00 00 05 03 00 c2 41 07 00 08 18 44 01 0c 44 03 0c 04 05 0c",
  "00 00 c2 41 04 08 0c",
  "00 00 c2 41 14 08 0c",
  "04 00 c2 01 d3 08 d3 08",
  "00 00 c2 01 d3 0d d3 0d d3 0d d3 0d d3 0d 09 0d 09 0d 0c",
  // Three quarters of the connection's window held; small windows are acknowledged; then reading, or a reset.
  "08 00 c2 01 d3 0d d3 0d d3 0d 0c f5 00 00 0c 09 0d 09 0d 09 0d 0c c2 01 d3 0b 19 0d 0c",
  "08 00 c2 01 d3 0d d3 0d d3 0d 0c f5 00 00 c2 01 d3 0b 0a 08 0c d3 0b 19 0d 0c",
  // SETTINGS: table size, frame size, too many, malformed.
  "00 00 05 00 00 c2 41 07 01 0c 05 00 05 c2 41 17 01 0c",
  "00 00 05 04 0a c2 41 07 00 08 18 0c",
  "00 00 e5 00 00",
  "04 00 d5 00 05",
  // PING, GOAWAY, drain with streams open, then closed.
  "00 00 06 01 16 00 06 02 0c",
  "00 00 c2 01 1b 00 0c c2 41 16 00 c2 41 07 01 0c",
  "00 00 c2 41 26 00 07 01 0c",
  // Streams that wait while too much waits to be sent: ended by headers, data, trailers; reset; drained.
  "08 05 c2 01 08 0d c2 41 04 05 14 05 0c 0e 00",
  "08 01 c2 01 07 00 08 0d c2 01 d3 04 d3 14 04 05 14 05 0c 0e 00 17 00 18 11 0c",
  "08 01 c2 01 07 00 08 0d c2 01 d3 04 d2 4b 04 05 14 05 0c 0e 00",
  "08 01 c2 01 07 00 08 0d c2 01 76 0d c2 41 0a 08 0e 00",
  "04 01 c2 01 07 00 08 0d c2 01 1b 00 0c 0c 04 05 14 05 0c 0e 00",
  // Unknown frames, PUSH_PROMISE, PRIORITY.
  "00 00 66 03 46 03 46 01 56 01",
  // Floods in small limits.
  "04 04 ff 06 01",
  "04 00 7f c2 41",
  "04 00 8f 76 0c",
  "04 00 6f d3 00",
  // Time: keepalive, idle, age.
  "04 00 6d 5d 16 00 9d ad bd",
  "08 01 c2 01 d3 0d 0c 1d 16 00 d3 0d 0c dd",
  // Without the handshake: preface and SETTINGS as bytes.
  "02 00 00 18 505249202a20485454502f322e300d0a0d0a534d0d0a0d0a 01 04 00 00 c2 41",
  "02 00 00 04 47455420",
  "02 00 00 18 505249202a20485454502f322e300d0a0d0a534d0d0a0d0a 06 00",
  // Reactions.
  "00 02 c2 01 d3 04 d3 04",
  "00 20 c2 01",
  "00 c1 c2 01 d3 14 07 00 0c 6b 00",
  // content-length.
  "00 01 c2 0e d3 02 d3 12",
  "00 01 c2 0e d3 12",
];

const CLIENT = [
  // A unary call and one that is refused, reset, cut short.
  "01 01 07 00 08 35 08 10 0c 12 04 13 04 12 4b",
  "01 00 07 01 12 44 0c",
  "01 08 07 01 07 01 76 01 96 71 0c 3b 00",
  "01 00 07 01 87 17 26 03",
  // Interim responses and what is not a response.
  "01 00 07 01 12 07 12 08 12 09 12 04",
  "01 00 07 01 12 47",
  "01 00 07 01 13 10",
  "01 10 07 00 12 04 13 02",
  // MAX_CONCURRENT_STREAMS and GOAWAY below open streams.
  "01 08 05 02 02 07 01 07 01 07 01 12 44 32 44",
  "01 00 07 00 07 00 07 00 26 01 12 44 0c",
  "01 00 07 00 36 20 12 44 0c",
  // Bodies larger than the windows, trailers behind them.
  "01 00 07 00 08 0d 07 05 0c 04 06 14 06 0c 12 44",
  "05 00 07 00 08 0d 08 0d 0c 14 06 04 06 0c 0c",
  // Nothing shaken hands yet; the peer's SETTINGS late.
  "03 00 07 01 07 01 0c 05 03 00 12 04",
  "51 01 07 00 12 04 13 05 12 4b",
  "05 00 07 00 9d 6d 16 00 ad",
  "01 00 07 00 0b 00 16 00 1b 00 12 44",
  "01 00 07 00 2b 02",
];

export const CONNECTION_SEEDS: readonly Uint8Array[] = [...SERVER, ...CLIENT].map(seed);

/** Ops that make sense anywhere, and frame parts for RAW. */
export const CONNECTION_WORDS: readonly Uint8Array[] = [
  "c201",
  "c241",
  "c2c1",
  "d302",
  "d312",
  "d30d",
  "d300",
  "d310",
  "d321",
  "1204",
  "1244",
  "124b",
  "1304",
  "1314",
  "0700",
  "0701",
  "0705",
  "0709",
  "0805",
  "0818",
  "080d",
  "0835",
  "090d",
  "0a08",
  "0a00",
  "1b00",
  "0b00",
  "0c",
  "4d",
  "8d",
  "9d",
  "cd",
  "df",
  "0e00",
  "4f",
  "8f",
  "bf",
  "0405",
  "4401",
  "1406",
  "0403",
  "050300",
  "050309",
  "05000000",
  "050005",
  "050202",
  "050409",
  "f50000",
  "0600",
  "0601",
  "1600",
  "1601",
  "260d",
  "2600",
  "3600",
  "3620",
  "760d",
  "7601",
  "860d",
  "4601",
  "5601",
  "6603",
  "4b00",
  "5b00",
  "6b00",
  "2b00",
  "3b00",
  "3b01",
  "11000900",
  "11010400",
  "01040000",
  "010101",
  "000000040000000000",
  "0000000401000000",
].map((hex) => new Uint8Array(Buffer.from(hex, "hex")));
