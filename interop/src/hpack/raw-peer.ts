import { type Duplex, duplexPair } from "node:stream";

/** Frame types of RFC 9113 section 6. */
export const HEADERS = 1;
export const SETTINGS = 4;
const RST_STREAM = 3;
const GOAWAY = 7;
const CONTINUATION = 9;

export const END_STREAM = 1;
export const END_HEADERS = 4;
export const ACK = 1;

export const PREFACE: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const HEADER_TABLE_SIZE = 1;
const HEADER_BYTES = 9;

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
    while (rest.length - at >= HEADER_BYTES && rest.length - at >= HEADER_BYTES + rest.readUIntBE(at, 3)) {
      const end = at + HEADER_BYTES + rest.readUIntBE(at, 3);
      const streamId = rest.readUInt32BE(at + 5);
      frames.push({
        type: rest.readUInt8(at + 3),
        flags: rest.readUInt8(at + 4),
        streamId,
        payload: rest.subarray(at + HEADER_BYTES, end),
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
        const header = Buffer.alloc(HEADER_BYTES);
        header.writeUIntBE(payload.length, 0, 3);
        header.writeUInt8(type, 3);
        header.writeUInt8(flags, 4);
        header.writeUInt32BE(streamId, 5);
        own.write(Buffer.concat([header, payload]));
      }
    },
    writePreface: () => own.write(PREFACE),
    async next(isWanted) {
      for (;;) {
        for (let frame = frames.shift(); frame !== undefined; frame = frames.shift()) {
          if (isWanted(frame)) return frame;
          if (frame.type === RST_STREAM || frame.type === GOAWAY || frame.type === CONTINUATION) {
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

/** SETTINGS with a size of the decoder's table. */
export function settingsFrame(tableBytes: number): Frame {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(HEADER_TABLE_SIZE, 0);
  payload.writeUInt32BE(tableBytes, 2);
  return { type: SETTINGS, flags: 0, streamId: 0, payload };
}

export const SETTINGS_ACK: Frame = { type: SETTINGS, flags: ACK, streamId: 0, payload: Buffer.alloc(0) };

export function isSettings({ type, flags }: Frame): boolean {
  return type === SETTINGS && (flags & ACK) === 0;
}

export function isSettingsAck({ type, flags }: Frame): boolean {
  return type === SETTINGS && (flags & ACK) !== 0;
}
