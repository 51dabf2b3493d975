import {
  create,
  type DescMessage,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { MessageDecoder } from "./message-decoder.js";
import { MessageEncoder } from "./message-encoder.js";
import type { MessageMemory } from "./message-memory.js";
import { planMessage } from "./message-plan.js";

// As in every implementation of protobuf.
const DEFAULT_MAX_NESTING = 100;

/** Turns messages into bytes and back. */
export interface MessageCodec<Init = unknown, Shape = unknown> {
  /**
   * The message as bytes, in memory of their own or, where that is given, perhaps of `memory`. Throws when the message
   * can't be encoded.
   */
  encode(message: Init, memory?: MessageMemory): Uint8Array;
  /** The message in `bytes`; the result may refer to them. Throws when they are not such a message. */
  decode(bytes: Uint8Array): Shape;
}

/**
 * The codec of a protobuf message. What a plan covers takes a short way, everything else, also what is wrong, the one of
 * protobuf-es; both give the same. Messages and unknown groups may nest `maxNesting` deep.
 */
export function protobufCodec<D extends DescMessage>(
  schema: D,
  maxNesting: number = DEFAULT_MAX_NESTING,
): MessageCodec<MessageInitShape<D>, MessageShape<D>> {
  const options = { recursionLimit: maxNesting };
  const slow: MessageCodec<MessageInitShape<D>, MessageShape<D>> = {
    encode: (message) => toBinary(schema, isMessage(message, schema) ? message : create(schema, message)),
    decode: (bytes) => fromBinary(schema, bytes, options),
  };
  const plan = planMessage(schema);
  if (plan === undefined) return slow;
  const encoder = new MessageEncoder(plan);
  const decoder = new MessageDecoder(plan, maxNesting);
  return {
    encode: (message, memory) => encoder.encode(message, memory) ?? slow.encode(message),
    decode: (bytes) => (decoder.decode(bytes) as MessageShape<D> | undefined) ?? slow.decode(bytes),
  };
}

/** A codec that leaves bytes as they are, for callers that have their own encoding. */
export const bytesCodec: MessageCodec<Uint8Array, Uint8Array> = {
  encode: (bytes) => bytes,
  decode: (bytes) => bytes,
};

function isMessage<D extends DescMessage>(message: unknown, schema: D): message is MessageShape<D> {
  return (message as Message).$typeName === schema.typeName;
}
