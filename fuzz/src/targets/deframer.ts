import { MessageReader, type MessageSink, PREFIX_BYTES } from "@meshwright/runtime/wire";
import type { Note, Target } from "../engine/target.js";
import { check, InputReader } from "../input-reader.js";

const LIMITS = [0, 1, 4, 16, 64, 255, 16_384, 65_536];
const MAX_CUTS = 15;

/** What became of a body: each message and, at the end, whether it failed. */
class Transcript implements MessageSink {
  readonly messages: Uint8Array[] = [];
  readonly compressed: boolean[] = [];
  failure: number | undefined;
  reader: MessageReader | undefined;
  /** Pauses the reader after each so many messages, or never when 0. */
  pauseEvery = 0;

  /** Starts over, with a reader of its own. */
  begin(maxMessageBytes: number, pauseEvery: number): MessageReader {
    this.messages.length = 0;
    this.compressed.length = 0;
    this.failure = undefined;
    this.pauseEvery = pauseEvery;
    this.reader = new MessageReader(this, maxMessageBytes);
    return this.reader;
  }

  onMessage(bytes: Uint8Array, compressed: boolean): void {
    check(this.failure === undefined, "a message after the failure");
    check(this.reader?.isPaused === false, "a message while the reader is paused");
    if (this.pauseEvery > 0 && (this.messages.length + 1) % this.pauseEvery === 0) this.reader.pause();
    this.messages.push(bytes);
    this.compressed.push(compressed);
  }
}

const input = new InputReader();
const whole = new Transcript();
const pieces = new Transcript();

/**
 * gRPC's message framing. Input: a byte of limit (bits 0 to 2), pauses (bits 3 and 4) and when they end (bit 5), the
 * number of cuts, as many cut lengths, the body.
 *
 * However a body is cut and its reading paused, the same messages come out, they are what the plain reading of the
 * specification says, and none is larger than the limit.
 */
export const target: Target = {
  name: "deframer",
  maxInputBytes: 512,
  covers: ["/runtime/dist/rpc/framing", "/runtime/dist/rpc/message-reader", "/runtime/dist/rpc/waiting-bytes"],
  dictionary: [
    Uint8Array.of(0, 0, 0, 0, 0),
    Uint8Array.of(1, 0, 0, 0, 0),
    Uint8Array.of(0, 0, 0, 0, 1, 0),
    Uint8Array.of(0, 0, 0, 0, 4, 1, 2, 3, 4),
    Uint8Array.of(1, 0, 0, 0, 2, 0, 0),
    Uint8Array.of(0, 0, 0, 1, 0),
    Uint8Array.of(0, 0, 0x40, 0, 0),
    Uint8Array.of(0, 0, 0x40, 0, 1),
    Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(0x80, 0, 0, 0, 0),
    Uint8Array.of(2),
  ],
  seeds: [
    Uint8Array.of(5, 0, 0, 0, 0, 0, 0),
    Uint8Array.of(5, 2, 3, 4, 0, 0, 0, 0, 4, 1, 2, 3, 4, 1, 0, 0, 0, 1, 9),
    Uint8Array.of(6, 5, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2, 7, 7, 0, 0, 0, 0, 0),
    Uint8Array.of(2, 1, 5, 0, 0, 0, 0, 5, 1, 2, 3, 4, 5),
    Uint8Array.of(7, 1, 6, 0, 0, 0x3f, 0xff, 0xff, 1),
    Uint8Array.of(7, 0, 2, 0, 0, 0, 0),
    Uint8Array.of(7, 0, 0, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(0x0d, 1, 7, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 2, 1, 0, 0, 0, 1, 3),
    Uint8Array.of(0x35, 2, 3, 9, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 2, 1, 0, 0, 0, 1, 3),
  ],
  run(bytes: Buffer, length: number, note: Note): void {
    input.reset(bytes, length);
    const choice = input.byte();
    const maxMessageBytes = LIMITS[choice & 7] as number;
    const isResumedLate = (choice & 0x20) !== 0;
    const cuts = input.byte() % (MAX_CUTS + 1);
    const cutsAt = input.position;
    input.skip(cuts);
    const body = bytes.subarray(input.position, length);
    const reader = whole.begin(maxMessageBytes, 0);
    whole.failure = reader.read(body)?.code;
    checkAgainstPlainReading(body, maxMessageBytes, whole, reader.isPartial);

    const cutReader = pieces.begin(maxMessageBytes, (choice >>> 3) & 3);
    let at = 0;
    for (let cut = 0; cut <= cuts && pieces.failure === undefined; cut++) {
      const end = cut === cuts ? body.length : Math.min(body.length, at + (bytes[cutsAt + cut] ?? 0));
      pieces.failure = cutReader.read(body.subarray(at, end))?.code;
      at = end;
      check(cutReader.waitingBytes <= at, "more waits than has come");
      if (!isResumedLate || cut === cuts) {
        while (cutReader.isPaused && pieces.failure === undefined) pieces.failure = cutReader.resume()?.code;
      }
    }
    check(pieces.failure !== undefined || cutReader.waitingBytes === 0, "something waits though nothing is paused");
    check(pieces.failure === whole.failure, `cut, the body ended with ${pieces.failure}, whole with ${whole.failure}`);
    if (whole.failure === undefined) check(cutReader.isPartial === reader.isPartial, "cut, isPartial differs");
    check(pieces.messages.length === whole.messages.length, "cut, there are more or fewer messages");
    for (let index = 0; index < whole.messages.length; index++) {
      const same = isEqual(pieces.messages[index] as Uint8Array, whole.messages[index] as Uint8Array);
      check(same && pieces.compressed[index] === whole.compressed[index], "cut, a message differs");
    }
    note(Math.min(whole.messages.length, 15) * 16 + (whole.failure ?? 0));
  },
};

/** Length-Prefixed-Message of gRPC over HTTP/2, read the simple way. */
function checkAgainstPlainReading(body: Buffer, maxBytes: number, found: Transcript, isPartial: boolean): void {
  let at = 0;
  let count = 0;
  let fails = false;
  while (body.length - at >= PREFIX_BYTES && !fails) {
    const length = body.readUInt32BE(at + 1);
    const flag = body[at] as number;
    fails = flag > 1 || length > maxBytes;
    if (fails || body.length - at - PREFIX_BYTES < length) break;
    const start = at + PREFIX_BYTES;
    at = start + length;
    const message = found.messages[count];
    check(message !== undefined, "a message is missing");
    check(message.length === length && body.compare(message, 0, length, start, at) === 0, "a message differs");
    check(message.byteLength === 0 || message.buffer !== body.buffer, "a message refers to its chunk");
    check(found.compressed[count] === (flag === 1), "a message's flag differs");
    count++;
  }
  check(found.messages.length === count, "a message too many");
  check((found.failure !== undefined) === fails, fails ? "a broken prefix was accepted" : "a sound prefix was refused");
  if (!fails) check(isPartial === at < body.length, "isPartial is wrong");
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}
