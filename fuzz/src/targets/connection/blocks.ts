/** Header blocks: requests, responses, trailers, and lists that are wrong in one respect each. */
export const BLOCKS: readonly Buffer[] = [
  // GET and POST with static entries only.
  "828684410161",
  "838684410161",
  // A request that enters the table, and one that uses it.
  "838604042f612f62400178017a",
  "838684be",
  // Responses: 200, 204, 404, 100, 103, 101, 200 twice.
  "88",
  "89",
  "8d",
  "0803313030",
  "0803313033",
  "0803313031",
  "8888",
  // Trailers: grpc-status, empty, with a pseudo header.
  "000b677270632d7374617475730130",
  "",
  "82",
  // content-length 4, 0, two that differ, none of numbers.
  "8386840f0d0134",
  "880f0d0134",
  "880f0d01340f0d0135",
  "8386840f0d017a",
  // Malformed: no :path, capitals, connection header, te, a pseudo header last, unknown pseudo header.
  "8286",
  "8286840001410161",
  "828684000a636f6e6e656374696f6e0161",
  "82868400027465047a7a7a7a",
  "8286000161016184",
  "82868400023a7a0161",
  // Not decodable: an index beyond the table, a string cut off.
  "ff7f",
  "0005",
  // Table size updates.
  "2088",
  "3fe11f838684",
  "3fe21f88",
  // Many and large fields.
  `838684${"000178017a".repeat(10)}`,
  `8386840001787f8606${"7a".repeat(901)}`,
].map((hex) => Buffer.from(hex, "hex"));
