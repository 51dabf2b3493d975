import type { Writable } from "node:stream";

const PREFIX_BYTES = 5;
// Up to here one buffer with a copy is cheaper than two writes.
const COPIED_BYTES = 16 * 1024;

/** Writes a gRPC message to a body; false when the writer should wait for "drain". */
export function writeMessage(body: Writable, message: Uint8Array): boolean {
  const isCopied = message.byteLength <= COPIED_BYTES;
  const head = Buffer.allocUnsafe(PREFIX_BYTES + (isCopied ? message.byteLength : 0));
  head[0] = 0;
  head.writeUInt32BE(message.byteLength, 1);
  if (isCopied) {
    head.set(message, PREFIX_BYTES);
    return body.write(head);
  }
  body.write(head);
  return body.write(message);
}

/** The least that cuts a body into gRPC messages: give it chunks, it gives whole messages. */
export function messageCutter(onMessage: (message: Uint8Array) => void): (chunk: Buffer) => void {
  let rest: Buffer[] = [];
  let restBytes = 0;
  return (chunk) => {
    rest.push(chunk);
    restBytes += chunk.byteLength;
    if (restBytes < PREFIX_BYTES) return;
    if ((rest[0] as Buffer).byteLength < PREFIX_BYTES) rest = [Buffer.concat(rest)];
    if (restBytes < messageEnd(rest[0] as Buffer, 0)) return;
    const bytes = rest.length === 1 ? (rest[0] as Buffer) : Buffer.concat(rest);
    let start = 0;
    while (bytes.byteLength - start >= PREFIX_BYTES) {
      const end = messageEnd(bytes, start);
      if (end > bytes.byteLength) break;
      onMessage(bytes.subarray(start + PREFIX_BYTES, end));
      start = end;
    }
    restBytes = bytes.byteLength - start;
    rest = restBytes === 0 ? [] : [bytes.subarray(start)];
  };
}

function messageEnd(bytes: Buffer, start: number): number {
  return start + PREFIX_BYTES + bytes.readUInt32BE(start + 1);
}
