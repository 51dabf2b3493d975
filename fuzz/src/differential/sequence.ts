import { CLIENT_PREFACE, FRAME_HEADER_BYTES, FrameFlag, FrameType, writeFrameHeader } from "@meshwright/runtime/wire";
import type { Random } from "../engine/random.js";
import { BLOCKS } from "../targets/connection/blocks.js";
import { LAST_PING } from "./outcome.js";

const MAX_FRAMES = 6;
const DATA_SIZES = [0, 1, 4, 10, 300];
// With an authority, which node:http2 insists on: plain, with fields of all kinds, from the table, in Huffman code.
const REQUESTS = [
  "828684410161",
  "838604042f612f62410162400178017a",
  "8386844101620f0d0134",
  "82868441016160027065023d3d60036f3d310401780f1401791001730174",
  "8286848441016100",
  "828684410161400a637573746f6d2d6b65790d637573746f6d2d686561646572",
  "828684418cf1e3c2e5f23a6ba0ab90f4ff",
  "828684410161be",
].map((hex) => Buffer.from(hex, "hex"));
const INCREMENTS = [0, 1, 1000, 0x7fff_ffff, 0x8000_0001];
const SETTINGS = [
  [1, 0],
  [1, 4096],
  [2, 0],
  [2, 1],
  [2, 2],
  [3, 10],
  [4, 0],
  [4, 0x7fff_ffff],
  [4, 0x8000_0000],
  [5, 16_384],
  [5, 16_383],
  [5, 0x100_0000],
  [6, 100],
  [99, 1],
] as const;

/**
 * What a client says: preface, SETTINGS, a few frames that are mostly right, in a third of the cases with a few bytes
 * changed, and a PING at the end.
 */
export function makeSequence(random: Random): Buffer {
  const parts: Buffer[] = [];
  let nextId = 1;
  for (let count = 1 + random.below(MAX_FRAMES); count > 0; count--) {
    const kind = random.below(20);
    const known = Math.max(1, nextId - 2 * (1 + random.below(2)));
    const id = random.below(12) === 0 ? random.below(10) : known;
    if (kind < 9 || nextId === 1) {
      parts.push(...headers(random, random.below(20) === 0 ? id : nextId));
      nextId += 2;
    } else if (kind < 13) {
      parts.push(data(random, id));
    } else {
      parts.push(other(random, kind, id));
    }
  }
  const said = Buffer.concat(parts);
  if (said.length > 0 && random.below(3) === 0) {
    for (let changes = 1 + random.below(3); changes > 0; changes--) {
      const at = random.below(said.length);
      said[at] = random.below(2) === 0 ? random.next() & 255 : (said[at] as number) ^ (1 << random.below(8));
    }
  }
  const ack = frame(FrameType.SETTINGS, FrameFlag.ACK, 0, Buffer.alloc(0));
  const first = frame(FrameType.SETTINGS, 0, 0, Buffer.alloc(0));
  return Buffer.concat([CLIENT_PREFACE, first, ack, said, frame(FrameType.PING, 0, 0, LAST_PING)]);
}

function headers(random: Random, id: number): Buffer[] {
  const isPlain = random.below(4) > 0;
  const block = isPlain ? pick(random, REQUESTS) : pick(random, BLOCKS);
  const end = random.below(2) === 0 ? FrameFlag.END_STREAM : 0;
  switch (random.below(8)) {
    case 0: {
      const half = random.below(block.length + 1);
      return [
        frame(FrameType.HEADERS, end, id, block.subarray(0, half)),
        frame(FrameType.CONTINUATION, FrameFlag.END_HEADERS, id, block.subarray(half)),
      ];
    }
    case 1: {
      const padBytes = random.below(4);
      const body = Buffer.concat([Buffer.of(padBytes), block, Buffer.alloc(padBytes)]);
      return [frame(FrameType.HEADERS, end | FrameFlag.END_HEADERS | FrameFlag.PADDED, id, body)];
    }
    default:
      return [frame(FrameType.HEADERS, end | FrameFlag.END_HEADERS, id, block)];
  }
}

function data(random: Random, id: number): Buffer {
  const end = random.below(2) === 0 ? FrameFlag.END_STREAM : 0;
  const body = Buffer.alloc(DATA_SIZES[random.below(DATA_SIZES.length)] as number, 0x61);
  if (random.below(4) > 0) return frame(FrameType.DATA, end, id, body);
  const padBytes = random.below(6);
  return frame(
    FrameType.DATA,
    end | FrameFlag.PADDED,
    id,
    Buffer.concat([Buffer.of(padBytes), body, Buffer.alloc(padBytes)]),
  );
}

function other(random: Random, kind: number, id: number): Buffer {
  switch (kind) {
    case 13:
      return frame(FrameType.WINDOW_UPDATE, 0, random.below(2) === 0 ? 0 : id, uint32(pick(random, INCREMENTS)));
    case 14: {
      const [setting, value] = pick(random, SETTINGS);
      return frame(FrameType.SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, setting), uint32(value)]));
    }
    case 15:
      return frame(FrameType.PRIORITY, 0, id, Buffer.concat([uint32(random.below(6)), Buffer.of(16)]));
    case 16:
      return frame(FrameType.RST_STREAM, 0, id, uint32(random.below(16)));
    case 17:
      return frame(FrameType.PING, random.below(4) === 0 ? FrameFlag.ACK : 0, 0, Buffer.alloc(8));
    case 18:
      return frame(FrameType.GOAWAY, 0, 0, Buffer.concat([uint32(0), uint32(random.below(3))]));
    default:
      return frame(10 + random.below(200), random.next() & 255, id, Buffer.alloc(random.below(20)));
  }
}

function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.below(choices.length)] as T;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function frame(type: number, flags: number, id: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(bytes, 0, payload.length, type, flags, id);
  payload.copy(bytes, FRAME_HEADER_BYTES);
  return bytes;
}
