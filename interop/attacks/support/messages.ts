// gRPC messages made by hand.

/** A message with its prefix; `declaredBytes` may lie. */
export function grpcMessage(bytes: Buffer, { declaredBytes = bytes.byteLength, isCompressed = false } = {}): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = isCompressed ? 1 : 0;
  prefix.writeUInt32BE(declaredBytes, 1);
  return Buffer.concat([prefix, bytes]);
}

/** A varint of protobuf. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

function bytesField(number: number, value: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(value.byteLength), value]);
}

function numberField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8), varint(value)]);
}

/** A UnaryRequest. */
export function unaryRequest({ text = "", payload = Buffer.alloc(0), delayMs = 0 } = {}): Buffer {
  return grpcMessage(
    Buffer.concat([
      bytesField(1, Buffer.from(text)),
      ...(payload.byteLength > 0 ? [bytesField(2, payload)] : []),
      numberField(3, delayMs),
    ]),
  );
}

/** A ServerStreamRequest. */
export function serverStreamRequest({ text = "", count = 1, delayMs = 0 }): Buffer {
  return grpcMessage(Buffer.concat([bytesField(1, Buffer.from(text)), numberField(2, count), numberField(3, delayMs)]));
}

/** A ClientStreamRequest. */
export function clientStreamRequest(payload: Buffer): Buffer {
  return grpcMessage(bytesField(1, payload));
}
