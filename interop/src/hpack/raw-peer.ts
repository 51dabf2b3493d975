import { type Duplex, duplexPair } from "node:stream";
import {
  CLIENT_PREFACE,
  FRAME_HEADER_BYTES,
  FrameFlag,
  FrameType,
  Setting,
  writeFrameHeader,
} from "@meshwright/runtime/wire";

const SETTING_BYTES = 6;
// The end of a stream or of all, and header blocks that do not fit one frame.
const UNWANTED: ReadonlySet<number> = new Set([FrameType.RST_STREAM, FrameType.GOAWAY, FrameType.CONTINUATION]);

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** One end of an HTTP/2 connection in memory that is played by hand; the other end is `foreign`'s. */
export interface RawPeer {
  readonly foreign: Duplex;
  write(...frames: readonly Frame[]): void;
  writePreface(): void;
  /** The next frame that `isWanted`. Rejects when the other end resets a stream or gives the connection up. */
  next(isWanted: (frame: Frame) => boolean): Promise<Frame>;
  close(): void;
}

/** Makes both ends. `skip` bytes come from the other end before its first frame. */
export function createRawPeer(skip: number): RawPeer {
  const [own, foreign] = duplexPair();
  const frames: Frame[] = [];
  let rest = Buffer.alloc(0);
  let toSkip = skip;
  let wake = (): void => {};
  let isClosed = false;
  own.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    const skipped = Math.min(toSkip, rest.length);
    toSkip -= skipped;
    let at = skipped;
    while (rest.length - at >= FRAME_HEADER_BYTES && rest.length - at >= FRAME_HEADER_BYTES + rest.readUIntBE(at, 3)) {
      const end = at + FRAME_HEADER_BYTES + rest.readUIntBE(at, 3);
      const streamId = rest.readUInt32BE(at + 5);
      frames.push({
        type: rest.readUInt8(at + 3),
        flags: rest.readUInt8(at + 4),
        streamId,
        payload: rest.subarray(at + FRAME_HEADER_BYTES, end),
      });
      at = end;
    }
    rest = rest.subarray(at);
    wake();
  });
  own.on("close", () => {
    isClosed = true;
    wake();
  });
  return {
    foreign,
    write(...outgoing) {
      for (const { type, flags, streamId, payload } of outgoing) {
        const header = Buffer.alloc(FRAME_HEADER_BYTES);
        writeFrameHeader(header, 0, payload.length, type, flags, streamId);
        own.write(Buffer.concat([header, payload]));
      }
    },
    writePreface: () => own.write(CLIENT_PREFACE),
    async next(isWanted) {
      for (;;) {
        for (let frame = frames.shift(); frame !== undefined; frame = frames.shift()) {
          if (isWanted(frame)) return frame;
          if (UNWANTED.has(frame.type)) {
            throw new Error(
              `frame of type ${frame.type} on stream ${frame.streamId}: ${frame.payload.toString("hex")}`,
            );
          }
        }
        if (isClosed) throw new Error("the other end closed the connection");
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    close: () => {
      own.destroy();
      foreign.destroy();
    },
  };
}

/** HEADERS that end their stream, with a whole block. */
export function headersFrame(streamId: number, block: Buffer): Frame {
  return {
    type: FrameType.HEADERS,
    flags: FrameFlag.END_HEADERS | FrameFlag.END_STREAM,
    streamId,
    payload: block,
  };
}

/** SETTINGS with a size of the decoder's table. */
export function settingsFrame(tableBytes: number): Frame {
  const payload = Buffer.alloc(SETTING_BYTES);
  payload.writeUInt16BE(Setting.HEADER_TABLE_SIZE, 0);
  payload.writeUInt32BE(tableBytes, 2);
  return { type: FrameType.SETTINGS, flags: 0, streamId: 0, payload };
}

export const SETTINGS_ACK: Frame = {
  type: FrameType.SETTINGS,
  flags: FrameFlag.ACK,
  streamId: 0,
  payload: Buffer.alloc(0),
};

export function isSettings({ type, flags }: Frame): boolean {
  return type === FrameType.SETTINGS && (flags & FrameFlag.ACK) === 0;
}

export function isSettingsAck({ type, flags }: Frame): boolean {
  return type === FrameType.SETTINGS && (flags & FrameFlag.ACK) !== 0;
}
