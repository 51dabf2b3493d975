import type { Outcome, StreamOutcome } from "./outcome.js";
import type { SequenceFacts } from "./sequence-facts.js";

/** Where the two disagree, and why that is right; without a reason it is a finding. */
export interface Difference {
  readonly what: string;
  readonly reason: string | undefined;
}

/** What is alike in every sequence that shows a known difference, and why both may be right. */
interface Known {
  readonly pattern: RegExp;
  readonly applies: (facts: SequenceFacts) => boolean;
  readonly reason: string;
}

// The first, and two strikes: `maxPingStrikes`.
const FORGIVEN_PINGS = 3;

/** The known differences: ours / theirs. */
const KNOWN: readonly Known[] = [
  {
    pattern: /^stream: delivered without authority \/ reset 1$/,
    applies: () => true,
    reason: "RFC 9113 section 8.3.1: :authority and host may both be absent; nghttp2 insists on one",
  },
  {
    pattern: /^connection: alive \/ (GOAWAY 2|closed)$/,
    applies: (facts) => facts.hasPingAck,
    reason: "RFC 9113 section 6.7: an acknowledgement that nobody asked for is no error; node:http2 ends the session",
  },
  {
    pattern: /^connection: (alive|closed) \/ (closed|alive)$/,
    applies: (facts) => facts.hasGoAway,
    reason:
      "RFC 9113 section 6.8: after GOAWAY ours serves open streams and then closes; node:http2 goes by its error code",
  },
  {
    pattern: /^connection: alive \/ GOAWAY 2$/,
    applies: (facts) => facts.hasWrongLastId,
    reason:
      "RFC 9113 section 6.8: the last id of a client's GOAWAY is about streams of ours, of which there are none; nghttp2 insists on an id of a server that does not rise",
  },
  {
    pattern: /^connection: GOAWAY 3 \/ alive$/,
    applies: (facts) => facts.growsStream && facts.changesWindows,
    reason:
      "RFC 9113 section 6.9.2: SETTINGS that lift a stream's window above 2^31-1 are an error; node:http2 of Node 20 lives on",
  },
  {
    pattern: /^stream: .* \/ ignored$/,
    applies: (facts) => facts.hasGoAway,
    reason: "RFC 9113 section 6.8: a client may open no streams after its GOAWAY, but ours serves those that come",
  },
  {
    pattern: /^connection: GOAWAY [15] \/ alive$/,
    applies: (facts) => facts.reusesStream,
    reason:
      "RFC 9113 section 5.1.1: a stream id that does not rise is an error; nghttp2 ignores it once it forgot the stream",
  },
  {
    pattern: /^connection: alive \/ GOAWAY [125]$/,
    applies: (facts) => facts.reusesStream,
    reason:
      "RFC 9113 section 5.1: frames of a stream that was reset are ignored; nghttp2 takes some of them for errors",
  },
  {
    pattern: /^connection: alive \/ GOAWAY 3$/,
    applies: (facts) => facts.growsStream,
    reason:
      "RFC 9113 section 6.9.1: a stream's window above 2^31-1 is an error of the stream; node:http2 of Node 24 ends the session",
  },
  {
    pattern: /^connection: GOAWAY 1 \/ alive$/,
    applies: (facts) => facts.hasWrongPriority,
    reason:
      "RFC 9113 section 6.3: PRIORITY on stream 0 is an error, and so is one of a stream on itself (5.3.1); node:http2 of Node 24 reads neither",
  },
  {
    pattern: /^stream: reset 1 \/ delivered/,
    applies: (facts) => facts.hasIllegalField,
    reason:
      "RFC 9113 section 8.2.1: a field with illegal characters makes a request malformed; nghttp2 drops the field",
  },
  {
    pattern: /^stream: reset 1 \/ delivered/,
    applies: (facts) => facts.hasUnprintableLength,
    reason:
      "RFC 9113 section 8.1.1: a content-length that is no number makes a request malformed; nghttp2 drops one with controls or with blanks at its edges",
  },
  {
    pattern: /^connection: GOAWAY 6 \/ alive$/,
    applies: (facts) => facts.hasDataWithoutPadLength && facts.reusesStream,
    reason:
      "RFC 9113 section 4.2: a frame too short for its mandatory parts is an error; nghttp2 does not look into DATA of a stream that was reset",
  },
  {
    pattern: /^connection: GOAWAY 11 \/ alive$/,
    applies: (facts) => facts.pings > FORGIVEN_PINGS,
    reason: "gRFC A8: a server ends a connection whose PINGs come too often; node:http2 knows nothing of gRPC",
  },
  {
    pattern: /^stream: delivered with odd pseudo headers \/ reset 1$/,
    applies: () => true,
    reason:
      "RFC 9113 section 8.3.1: nghttp2 reads :method, :scheme, :path and :authority by RFC 3986, ours leaves that to users",
  },
  {
    pattern: /^(request|trailers): .*(\\(u00[017]|[bf])|\x7f)/,
    applies: () => true,
    reason: "RFC 9113 section 8.2.1 forbids NUL, CR and LF in values; nghttp2 drops fields with other controls as well",
  },
];

/** Compares what became of a sequence: of the connection, and if it lives on both sides, of each stream. */
export function compare(ours: Outcome, theirs: Outcome, facts: SequenceFacts): Difference[] {
  if (ours.isAlive !== theirs.isAlive) return [judge(`connection: ${life(ours)} / ${life(theirs)}`, facts)];
  if (!ours.isAlive) return [];
  const differences: Difference[] = [];
  for (const id of new Set([...ours.streams.keys(), ...theirs.streams.keys()])) {
    const what = compareStreams(ours.stream(id), theirs.stream(id));
    if (what !== undefined) differences.push(judge(what, facts));
  }
  return differences;
}

function compareStreams(ours: StreamOutcome, theirs: StreamOutcome): string | undefined {
  if (fate(ours) !== fate(theirs)) return `stream: ${fate(ours)} / ${fate(theirs)}`;
  if (ours.resetCode !== undefined || ours.request === undefined) return undefined;
  if (join(ours.request) !== join(theirs.request)) return `request: ${join(ours.request)} / ${join(theirs.request)}`;
  if (join(ours.trailers) !== join(theirs.trailers)) {
    return `trailers: ${join(ours.trailers)} / ${join(theirs.trailers)}`;
  }
  if (ours.bodyBytes !== theirs.bodyBytes) return `body: ${ours.bodyBytes} / ${theirs.bodyBytes} bytes`;
  return ours.didEnd === theirs.didEnd ? undefined : `end: ${ours.didEnd} / ${theirs.didEnd}`;
}

function judge(what: string, facts: SequenceFacts): Difference {
  return { what, reason: KNOWN.find(({ pattern, applies }) => pattern.test(what) && applies(facts))?.reason };
}

function life({ goAwayCode, didClose }: Outcome): string {
  if (goAwayCode !== undefined) return `GOAWAY ${goAwayCode}`;
  return didClose ? "closed" : "alive";
}

function fate({ resetCode, request }: StreamOutcome): string {
  if (resetCode !== undefined) return `reset ${resetCode}`;
  if (request === undefined) return "ignored";
  const hasAuthority = request.some((text, index) => index % 2 === 0 && (text === ":authority" || text === "host"));
  if (!hasAuthority) return "delivered without authority";
  const isOdd = request.some(
    (text, index) => text[0] === ":" && index % 2 === 0 && isOddValue(text, request[index + 1] ?? ""),
  );
  return isOdd ? "delivered with odd pseudo headers" : "delivered";
}

function isOddValue(name: string, value: string): boolean {
  if (name === ":path") return value !== "*" && !/^\/[\x21-\x7e]*$/.test(value);
  return !/^[\w!$%&'*+\-.~:[\]@(),;=]+$/.test(value);
}

function join(fields: readonly string[] | undefined): string {
  return fields === undefined ? "none" : JSON.stringify(fields);
}
