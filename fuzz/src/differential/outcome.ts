import { FRAME_HEADER_BYTES, FrameFlag, FrameType } from "@meshwright/runtime/wire";

/** The last frame of every sequence is a PING with this: who answers it has read everything before. */
export const LAST_PING: Buffer = Buffer.from("the end.", "latin1");

/** What a server made of one stream. */
export interface StreamOutcome {
  /** Request headers as they were delivered, flat. */
  request: readonly string[] | undefined;
  trailers: readonly string[] | undefined;
  bodyBytes: number;
  didEnd: boolean;
  /** Code of the RST_STREAM that the server sent. */
  resetCode: number | undefined;
}

/** What a server made of a sequence of frames. */
export class Outcome {
  /** Code of a GOAWAY with an error; undefined while the connection lives. */
  goAwayCode: number | undefined;
  /** Everything was read. */
  didAnswer: boolean = false;
  /** The connection ended without a word. */
  didClose: boolean = false;
  readonly streams: Map<number, StreamOutcome> = new Map();

  get isAlive(): boolean {
    return this.goAwayCode === undefined && !this.didClose;
  }

  /** Nothing more is to be expected. */
  get isSettled(): boolean {
    return this.didAnswer || !this.isAlive;
  }

  stream(id: number): StreamOutcome {
    let stream = this.streams.get(id);
    if (stream === undefined) {
      stream = { request: undefined, trailers: undefined, bodyBytes: 0, didEnd: false, resetCode: undefined };
      this.streams.set(id, stream);
    }
    return stream;
  }

  /** Reads what the server sent, whole frames; returns how many bytes these were. */
  sent(bytes: Buffer): number {
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const start = at + FRAME_HEADER_BYTES;
      const end = start + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      switch (bytes[at + 3]) {
        case FrameType.GOAWAY: {
          const code = bytes.readUInt32BE(start + 4);
          if (code !== 0) this.goAwayCode ??= code;
          break;
        }
        case FrameType.RST_STREAM:
          this.stream(bytes.readUInt32BE(at + 5)).resetCode ??= bytes.readUInt32BE(start);
          break;
        case FrameType.PING:
          if (((bytes[at + 4] as number) & FrameFlag.ACK) !== 0 && LAST_PING.equals(bytes.subarray(start, end))) {
            this.didAnswer = true;
          }
          break;
        default:
          break;
      }
      at = end;
    }
    return at;
  }
}
