import { once } from "node:events";
import { connect, createServer, type ServerHttp2Session, type ServerHttp2Stream, sensitiveHeaders } from "node:http2";
import { CLIENT_PREFACE, FrameFlag, FrameType } from "@meshwright/runtime/wire";
import type { HeaderList } from "./fields.js";
import { NEVER_INDEXED } from "./fields.js";
import type { EncodedList } from "./python-peer.js";
import { createRawPeer, headersFrame, isSettings, isSettingsAck, SETTINGS_ACK, settingsFrame } from "./raw-peer.js";

/** Which argument of the event "stream" has the fields as they came. */
const RAW_HEADERS = 3;
/** `:status: 200`, which every table has. */
const OK = Buffer.from([0x88]);

/** Encodes a story as requests of node:http2, which is nghttp2, to a decoder that allows `tableBytes`. */
export async function nghttp2Encode(lists: readonly HeaderList[], tableBytes: number): Promise<Buffer[]> {
  const peer = createRawPeer(CLIENT_PREFACE.length);
  const options = { createConnection: () => peer.foreign, maxDeflateDynamicTableSize: 65_536 };
  const client = connect("http://example.com", options);
  client.on("error", () => {
    // The peer sees its frames, or their end.
  });
  const announce = async (bytes: number): Promise<void> => {
    peer.write(settingsFrame(bytes));
    await peer.next(isSettingsAck);
  };
  peer.write(settingsFrame(tableBytes));
  await peer.next(isSettings);
  peer.write(SETTINGS_ACK);
  await peer.next(isSettingsAck);
  const blocks: Buffer[] = [];
  for (const { fields, tables = [] } of lists) {
    for (const next of tables) await announce(next);
    const headers: Record<string, string | string[]> = {};
    for (const { name } of fields) {
      const values = fields.filter((field) => field.name === name).map(({ value }) => value);
      headers[name] = values.length === 1 ? (values[0] ?? "") : values;
    }
    const never = Object.keys(headers).filter((name) => NEVER_INDEXED.has(name));
    const stream = client.request({ ...headers, [sensitiveHeaders]: never }, { endStream: true });
    stream.on("error", () => {
      // As above.
    });
    stream.resume();
    const { payload, flags, streamId } = await peer.next(({ type }) => type === FrameType.HEADERS);
    if ((flags & FrameFlag.END_HEADERS) === 0) throw new Error("the lists of the stories fit one frame each");
    blocks.push(withoutPriority(payload, flags));
    peer.write(headersFrame(streamId, OK));
  }
  client.destroy();
  peer.close();
  return blocks;
}

/** Decodes a story as requests to node:http2; its decoder allows `tableBytes`. The lists are flat. */
export async function nghttp2Decode(lists: readonly EncodedList[], tableBytes: number): Promise<string[][]> {
  const peer = createRawPeer(0);
  const server = createServer({ settings: { headerTableSize: tableBytes }, maxHeaderListPairs: 4096 });
  server.on("sessionError", () => {
    // The peer sees its frames, or their end.
  });
  server.on("stream", (stream: ServerHttp2Stream) => stream.respond({ ":status": 200 }, { endStream: true }));
  const accepted = once(server, "session") as Promise<[ServerHttp2Session]>;
  server.emit("connection", peer.foreign);
  const [session] = await accepted;
  peer.writePreface();
  peer.write({ ...SETTINGS_ACK, flags: 0 });
  await peer.next(isSettings);
  peer.write(SETTINGS_ACK);
  const decoded: string[][] = [];
  session.on("stream", (...args: unknown[]) => {
    decoded.push([...(args[RAW_HEADERS] as string[])]);
  });
  let streamId = 1;
  for (const { block, tables = [] } of lists) {
    for (const next of tables) {
      session.settings({ headerTableSize: next });
      await peer.next(isSettings);
      peer.write(SETTINGS_ACK);
    }
    peer.write(headersFrame(streamId, block));
    // The response, or the end of the connection.
    const id = streamId;
    await peer.next((frame) => frame.type === FrameType.HEADERS && frame.streamId === id);
    streamId += 2;
  }
  session.destroy();
  peer.close();
  return decoded;
}

const PRIORITY_BYTES = 5;

function withoutPriority(payload: Buffer, flags: number): Buffer {
  return (flags & FrameFlag.PRIORITY) === 0 ? payload : payload.subarray(PRIORITY_BYTES);
}
