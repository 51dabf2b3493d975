import {
  CLIENT_PREFACE,
  createHttp2Connection,
  FRAME_HEADER_BYTES,
  FrameFlag,
  FrameType,
  type Http2Connection,
  http2Limits,
  writeFrameHeader,
} from "@meshwright/runtime/wire";
import type { Note, Target } from "../engine/target.js";
import { check, InputReader } from "../input-reader.js";
import { BLOCKS } from "./connection/blocks.js";
import { PROFILES } from "./connection/options.js";
import { CONNECTION_SEEDS, CONNECTION_WORDS } from "./connection/seeds.js";
import { SimClock } from "./connection/sim-clock.js";
import { EXTRA, RESPONSE, TRAILERS, User, type UserStream } from "./connection/user.js";
import { WireModel } from "./connection/wire-model.js";

const PREFACE = Buffer.from(CLIENT_PREFACE);

/** What an input is made of: a byte whose low half is one of these and whose high half is a small argument. */
export const Op = {
  RAW: 0,
  FRAME: 1,
  HEADERS: 2,
  DATA: 3,
  WINDOW_UPDATE: 4,
  SETTINGS: 5,
  CONTROL: 6,
  USER_HEADERS: 7,
  USER_DATA: 8,
  USER_CONSUME: 9,
  USER_RESET: 10,
  USER_OTHER: 11,
  TAKE: 12,
  CLOCK: 13,
  FLUSH: 14,
  REPEAT: 15,
} as const;

/** Bytes that follow each op; RAW and FRAME are followed by a payload as well. */
const OPERAND_BYTES = [1, 3, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1];

const SIZES = [0, 1, 4, 10, 63, 64, 255, 500, 1000, 1001, 4095, 4096, 16_383, 16_384, 16_384, 8192];
const USER_SIZES = [0, 1, 5, 63, 500, 1000, 2001, 4096, 16_384, 16_385, 40_000, 65_535, 65_536, 100_000, 15, 16];
const INCREMENTS = [0, 1, 100, 1000, 16_384, 65_535, 1 << 20, 0x7fff_0000, 0x7fff_ffff, 0xffff_ffff];
const SETTING_IDS = [1, 2, 3, 4, 5, 6, 0, 8, 0xffff];
const SETTING_VALUES = [
  0,
  1,
  2,
  100,
  1000,
  4096,
  16_383,
  16_384,
  16_385,
  65_535,
  1 << 20,
  0xff_ffff,
  0x7fff_ffff,
  0xffff_ffff,
];
const STEPS_MS = [
  0, 1, 100, 999, 1000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 3.6e6, 7.2e6, 1.8e7,
];
const ERROR_CANCEL = 8;
const MAX_OPS = 192;
/** Of what is done after the connection's end, where little can happen. */
const MAX_LATE_OPS = 4;
/** Of what is fed at once; the rest comes in one. */
const MAX_PIECES = 32;
const MAX_FED_BYTES = 65_536;
const OUTPUT_BYTES = 1_048_576;

const LIMITS = PROFILES.map((options) => http2Limits(options));
const zeros = Buffer.alloc(131_072);
const pending = Buffer.alloc(MAX_FED_BYTES);
const outputBytes = Buffer.alloc(OUTPUT_BYTES);
const prefix = Uint8Array.of(0, 0, 0, 0, 4);

/**
 * A connection in either role. Input: a byte of role (bit 0), handshake (bit 1 leaves it out), options (bits 2 and 3)
 * and how what the peer says is cut (bits 4 to 7); a byte of reactions of the user; then ops.
 *
 * Whatever the peer says and the user does: nothing is thrown, handlers are called in legal order, and what is sent is
 * legal HTTP/2 within the peer's windows.
 */
export const target: Target = {
  name: "connection",
  maxInputBytes: 192,
  covers: ["/runtime/dist/http2/"],
  dictionary: CONNECTION_WORDS,
  seeds: CONNECTION_SEEDS,
  split(bytes, length, ends) {
    let count = 0;
    for (let at = 2; at < length && count < ends.length; ) {
      const op = (bytes[at] as number) & 15;
      let size = 1 + (OPERAND_BYTES[op] as number);
      if (op === Op.RAW) size += bytes[at + 1] ?? 0;
      if (op === Op.FRAME) size += bytes[at + 3] ?? 0;
      at = Math.min(length, at + size);
      ends[count++] = at;
    }
    return count;
  },
  run(bytes: Buffer, length: number, note: Note): void {
    new Execution(bytes, length, note).run();
  },
};

class Execution {
  readonly #input = new InputReader();
  readonly #bytes: Buffer;
  readonly #role: "client" | "server";
  readonly #cut: number;
  readonly #clock = new SimClock();
  readonly #user: User;
  readonly #connection: Http2Connection;
  readonly #model: WireModel;
  readonly #maxStreams: number;
  #pendingEnd = 0;
  #fedEnd = 0;
  #modelAt = 0;
  #ops = 0;
  #lastPeerId: number;

  constructor(bytes: Buffer, length: number, note: Note) {
    this.#bytes = bytes;
    this.#input.reset(bytes, length);
    const setup = this.#input.byte();
    const reactions = this.#input.byte();
    const profile = (setup >>> 2) & 3;
    const limits = LIMITS[profile] as (typeof LIMITS)[number];
    this.#role = (setup & 1) === 0 ? "server" : "client";
    this.#cut = setup >>> 4;
    this.#maxStreams = limits.maxConcurrentStreams;
    this.#lastPeerId = this.#role === "server" ? -1 : 0;
    let previousKind = 31;
    const happened = (kind: number, detail: number): void => {
      note((setup & 1) * 16_384 + previousKind * 512 + kind * 16 + (detail & 15));
      previousKind = kind;
    };
    this.#user = new User(this.#role, reactions, happened);
    const bounds = { streamBytes: limits.maxStreamWindowBytes, connectionBytes: limits.maxConnectionWindowBytes };
    this.#model = new WireModel(this.#role, bounds, (type, detail) => happened(8 + type, detail));
    this.#connection = createHttp2Connection({
      role: this.#role,
      clock: this.#clock,
      rng: () => 0.5,
      options: limits,
      handler: this.#user,
    });
    this.#user.connection = this.#connection;
    if ((setup & 2) === 0) this.#handshake();
  }

  run(): void {
    while (this.#input.remaining > 0 && this.#ops < MAX_OPS) this.#step(this.#input.byte());
    this.#flush();
    this.#takeOutput();
    this.#serveAll();
    this.#connection.transportClosed(undefined);
    this.#endTurn();
    check(this.#user.isClosed, "the transport is gone and the connection is not closed");
    check(this.#connection.openStreams === 0, "the connection is closed and has open streams");
    check(!this.#connection.canOpenStream, "the connection is closed and lets streams open");
    this.#takeOutput();
    check(this.#clock.pending === 0, "the connection is closed and has timers");
  }

  #handshake(): void {
    if (this.#role === "server") this.#append(PREFACE, 0, PREFACE.length);
    this.#frame(FrameType.SETTINGS, 0, 0, 0);
    this.#frame(FrameType.SETTINGS, FrameFlag.ACK, 0, 0);
    this.#flush();
    this.#takeOutput();
  }

  #step(byte: number): void {
    const input = this.#input;
    const arg = byte >>> 4;
    this.#ops += this.#user.isClosed ? MAX_OPS / MAX_LATE_OPS : 1;
    switch (byte & 15) {
      case Op.RAW: {
        const count = input.byte();
        const start = input.position;
        this.#append(this.#bytes, start, start + input.skip(count));
        break;
      }
      case Op.FRAME: {
        const type = input.byte();
        const flags = input.byte();
        const count = input.byte();
        const start = input.position;
        const payloadBytes = input.skip(count);
        this.#frame(type, flags, this.#streamId(arg), payloadBytes);
        this.#append(this.#bytes, start, start + payloadBytes);
        break;
      }
      case Op.HEADERS:
        this.#headers(this.#streamId(arg), input.byte());
        break;
      case Op.DATA:
        this.#data(this.#streamId(arg), input.byte());
        break;
      case Op.WINDOW_UPDATE:
        this.#frame(FrameType.WINDOW_UPDATE, 0, this.#streamId(arg), 4);
        this.#uint32(INCREMENTS[input.byte() % INCREMENTS.length] as number);
        break;
      case Op.SETTINGS:
        this.#settings(arg, input.byte(), input.byte());
        break;
      case Op.CONTROL:
        this.#control(arg, input.byte());
        break;
      case Op.REPEAT:
        this.#repeat(arg, input.byte());
        return;
      default:
        this.#userStep(byte & 15, arg);
        return;
    }
    if (this.#cut < 12) this.#flush();
  }

  #userStep(op: number, arg: number): void {
    const input = this.#input;
    this.#flush();
    switch (op) {
      case Op.USER_HEADERS: {
        const flags = input.byte();
        if (this.#role === "client" && (flags & 4) === 0) this.#user.open(flags);
        else
          this.#stream(arg)?.sendHeaders(
            (flags & 8) === 0 && this.#role === "server" ? RESPONSE : TRAILERS,
            (flags & 1) !== 0,
            (flags & 2) !== 0 ? EXTRA : undefined,
          );
        break;
      }
      case Op.USER_DATA: {
        const choice = input.byte();
        const body = zeros.subarray(0, USER_SIZES[choice & 15]);
        this.#stream(arg)?.sendData(body, (choice & 16) !== 0, (choice & 32) !== 0 ? prefix : undefined);
        break;
      }
      case Op.USER_CONSUME:
        this.#stream(arg)?.consume(SIZES[input.byte() & 15] as number);
        break;
      case Op.USER_RESET:
        this.#stream(arg)?.reset(input.byte() & 15);
        break;
      case Op.USER_OTHER:
        this.#other(arg, input.byte());
        break;
      case Op.TAKE:
        this.#takeOutput();
        break;
      case Op.CLOCK:
        this.#clock.advance(STEPS_MS[arg] as number);
        break;
      case Op.FLUSH:
        input.byte();
        break;
    }
    this.#endTurn();
  }

  #other(which: number, choice: number): void {
    const connection = this.#connection;
    const stream = this.#stream(choice & 15);
    switch (which) {
      case 0:
        return connection.ping(() => this.#user.onEvent(7, 1));
      case 1:
        return connection.drain();
      case 2:
        return connection.close((choice % 14) as 0, "the user closes");
      case 3:
        return connection.transportClosed(choice === 0 ? undefined : new Error("reset"));
      case 4:
        return stream?.stream?.progress();
      case 5:
        return stream?.hold();
      case 6:
        return stream?.release();
      default:
        return;
    }
  }

  /** The next op, again and again, as floods are made. */
  #repeat(arg: number, next: number): void {
    const from = this.#input.position;
    const end = from + this.#input.remaining;
    if ((next & 15) === Op.REPEAT) return;
    for (let times = 1 << Math.min(arg, 11); times > 0 && this.#ops < MAX_OPS; times--) {
      this.#input.reset(this.#bytes, end);
      this.#input.skip(from);
      this.#step(next);
    }
  }

  #headers(streamId: number, choice: number): void {
    const block = BLOCKS[(choice & 63) % BLOCKS.length] as Buffer;
    const endStream = (choice & 64) !== 0 ? FrameFlag.END_STREAM : 0;
    if ((choice & 128) === 0) {
      this.#frame(FrameType.HEADERS, FrameFlag.END_HEADERS | endStream, streamId, block.length);
      this.#append(block, 0, block.length);
      return;
    }
    const half = block.length >> 1;
    this.#frame(FrameType.HEADERS, endStream, streamId, half);
    this.#append(block, 0, half);
    this.#frame(FrameType.CONTINUATION, FrameFlag.END_HEADERS, streamId, block.length - half);
    this.#append(block, half, block.length);
  }

  #data(streamId: number, choice: number): void {
    const size = SIZES[choice & 15] as number;
    const isPadded = (choice & 32) !== 0 && size > 0;
    const flags = ((choice & 16) !== 0 ? FrameFlag.END_STREAM : 0) | (isPadded ? FrameFlag.PADDED : 0);
    this.#frame(FrameType.DATA, flags, streamId, size);
    const start = this.#pendingEnd;
    this.#append(zeros, 0, size);
    if (isPadded && this.#pendingEnd > start) pending[start] = Math.min(choice, size - 1);
  }

  #settings(arg: number, id: number, value: number): void {
    if (arg === 15) return this.#frame(FrameType.SETTINGS, FrameFlag.ACK, 0, 0);
    const entries = arg === 14 ? 33 : arg === 13 ? 4 : 1;
    this.#frame(FrameType.SETTINGS, 0, 0, entries * 6);
    for (let entry = 0; entry < entries; entry++) {
      const number = SETTING_IDS[(id + (arg === 13 ? entry : 0)) % SETTING_IDS.length] as number;
      this.#uint16(number);
      this.#uint32(SETTING_VALUES[value % SETTING_VALUES.length] as number);
    }
  }

  #control(which: number, choice: number): void {
    switch (which) {
      case 0:
      case 1:
        this.#frame(FrameType.PING, which, 0, 8);
        // The acknowledgement of a small number answers a PING of ours.
        this.#append(Buffer.of(0, 0, 0, 0, 0, 0, 0, choice), 0, 8);
        return;
      case 2:
      case 3:
        this.#frame(FrameType.GOAWAY, 0, 0, 8);
        this.#uint32(which === 2 ? this.#streamId(choice & 15) : 0x7fff_ffff);
        this.#uint32(choice >>> 4);
        return;
      case 4:
        this.#frame(FrameType.PRIORITY, 0, this.#streamId(choice & 15), 5);
        this.#append(zeros, 0, 5);
        return;
      case 5:
        this.#frame(FrameType.PUSH_PROMISE, FrameFlag.END_HEADERS, this.#streamId(choice & 15), 5);
        this.#append(Buffer.of(0, 0, 0, 2, 0x82), 0, 5);
        return;
      case 6:
        this.#frame(10 + (choice & 15), choice >>> 4, 0, choice & 3);
        this.#append(zeros, 0, choice & 3);
        return;
      default:
        this.#frame(FrameType.RST_STREAM, 0, this.#streamId(choice & 15), 4);
        this.#uint32(which === 7 ? 8 : choice >>> 4);
    }
  }

  /** 0 to 11 as they are; the next that the peer opens, the last that it opened, ours of before, the highest. */
  #streamId(choice: number): number {
    switch (choice) {
      case 12:
        this.#lastPeerId += 2;
        return this.#lastPeerId;
      case 13:
        return Math.max(0, this.#lastPeerId);
      case 14:
        return Math.max(1, 2 * this.#user.streams.length - 1);
      case 15:
        return 0x7fff_ffff;
      default:
        return choice;
    }
  }

  #stream(choice: number): UserStream | undefined {
    const { streams } = this.#user;
    return streams[choice < 8 ? choice : streams.length - 1 - (choice - 8)];
  }

  #frame(type: number, flags: number, streamId: number, length: number): void {
    if (this.#pendingEnd + FRAME_HEADER_BYTES + length > MAX_FED_BYTES) {
      this.#ops = MAX_OPS;
      return;
    }
    writeFrameHeader(pending, this.#pendingEnd, length, type, flags, streamId);
    this.#pendingEnd += FRAME_HEADER_BYTES;
  }

  #uint16(value: number): void {
    if (this.#pendingEnd + 2 > MAX_FED_BYTES) this.#ops = MAX_OPS;
    else this.#pendingEnd = pending.writeUInt16BE(value, this.#pendingEnd);
  }

  #uint32(value: number): void {
    if (this.#pendingEnd + 4 > MAX_FED_BYTES) this.#ops = MAX_OPS;
    else this.#pendingEnd = pending.writeUInt32BE(value, this.#pendingEnd);
  }

  #append(bytes: Buffer, start: number, end: number): void {
    if (this.#pendingEnd + end - start > MAX_FED_BYTES) this.#ops = MAX_OPS;
    else this.#pendingEnd += bytes.copy(pending, this.#pendingEnd, start, end);
  }

  /** Gives the connection what the peer has said meanwhile: at once, or in pieces of some size. */
  #flush(): void {
    const end = this.#pendingEnd;
    if (this.#fedEnd === end) return;
    this.#modelAt = this.#model.fed(pending, this.#modelAt, end);
    const pieceBytes = CUTS[this.#cut] as number;
    for (let pieces = 0; this.#fedEnd < end; pieces++) {
      const pieceEnd = pieces < MAX_PIECES ? Math.min(end, this.#fedEnd + pieceBytes) : end;
      this.#connection.receive(pending.subarray(this.#fedEnd, pieceEnd));
      this.#fedEnd = pieceEnd;
    }
    this.#endTurn();
  }

  #endTurn(): void {
    this.#clock.endTurn();
    const { openStreams } = this.#connection;
    const waiting = openStreams - this.#user.openStreams;
    const isLegal = waiting === 0 || (waiting > 0 && this.#role === "server" && !this.#user.isClosed);
    check(isLegal, `openStreams is ${openStreams}, the user has ${this.#user.openStreams}`);
    check(this.#role === "client" || openStreams <= this.#maxStreams, "more streams than MAX_CONCURRENT_STREAMS");
  }

  /** Nothing waits to be sent any more: each stream that waits for that has its turn. */
  #serveAll(): void {
    for (const stream of this.#user.streams) stream.reset(ERROR_CANCEL);
    for (let turns = 0; turns < this.#maxStreams && !this.#user.isClosed; turns++) {
      if (this.#connection.openStreams === this.#user.openStreams) return;
      this.#endTurn();
    }
    const { openStreams } = this.#connection;
    check(openStreams === this.#user.openStreams, "streams wait though nothing waits to be sent");
  }

  #takeOutput(): void {
    const asked = this.#user.didAskForOutput;
    this.#user.didAskForOutput = false;
    let end = 0;
    this.#connection.takeOutput((piece) => {
      check(end + piece.byteLength <= OUTPUT_BYTES, "more output than anybody asked for");
      outputBytes.set(piece, end);
      end += piece.byteLength;
    });
    check(end === 0 || asked, "output without onOutput");
    this.#model.sent(outputBytes, end);
    this.#clock.endTurn();
  }
}

const CUTS = [1e9, 1e9, 1e9, 1e9, 1e9, 1, 2, 3, 7, 9, 13, 100, 1e9, 1e9, 11, 1000];
