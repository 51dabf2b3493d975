import {
  create,
  type DescMessage,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { LimitExceeded } from "../http2/types.js";
import { type DecodeLimits, FieldCounter, FieldLimitError } from "./field-counter.js";
import { MessageDecoder } from "./message-decoder.js";
import { MessageEncoder } from "./message-encoder.js";
import type { MessageMemory } from "./message-memory.js";
import { planMessage } from "./message-plan.js";
import type { RpcStatus } from "./status.js";

const DEFAULT_LIMITS: DecodeLimits = {
  // As in every implementation of protobuf.
  maxNesting: 100,
  maxMessageFields: Number.POSITIVE_INFINITY,
  maxUnknownFields: Number.POSITIVE_INFINITY,
};

/** Turns messages into bytes and back. */
export interface MessageCodec<Init = unknown, Shape = unknown> {
  /**
   * The message as bytes, in memory of their own or, where that is given, perhaps of `memory`. Throws when the message
   * can't be encoded.
   */
  encode(message: Init, memory?: MessageMemory): Uint8Array;
  /** The message in `bytes`; the result may refer to them. Throws when they are not such a message;
   * {@link decodeFailure} says what that means. */
  decode(bytes: Uint8Array): Shape;
}

/**
 * The codec of a protobuf message. What a plan covers takes a short way, everything else, also what is wrong, the one of
 * protobuf-es; both give the same. Without `limits` messages and unknown groups may nest 100 deep.
 */
export function protobufCodec<D extends DescMessage>(
  schema: D,
  limits: DecodeLimits = DEFAULT_LIMITS,
): MessageCodec<MessageInitShape<D>, MessageShape<D>> {
  const options = { recursionLimit: limits.maxNesting };
  const counter = new FieldCounter(schema, limits);
  const slow: MessageCodec<MessageInitShape<D>, MessageShape<D>> = {
    encode: (message) => toBinary(schema, isMessage(message, schema) ? message : create(schema, message)),
    decode: (bytes) => {
      counter.check(bytes);
      return fromBinary(schema, bytes, options);
    },
  };
  const plan = planMessage(schema);
  if (plan === undefined) return slow;
  const encoder = new MessageEncoder(plan);
  const decoder = new MessageDecoder(plan, limits.maxNesting);
  return {
    encode: (message, memory) => encoder.encode(message, memory) ?? slow.encode(message),
    decode: (bytes) => {
      // A field takes a byte at least; those that are not in the schema are none of the decoder's.
      if (bytes.length > limits.maxMessageFields) counter.check(bytes);
      return (decoder.decode(bytes) as MessageShape<D> | undefined) ?? slow.decode(bytes);
    },
  };
}

/** What follows from an error of {@link MessageCodec.decode}: a status, and the limit that the sender went over, if any. */
export function decodeFailure(
  typeName: string,
  error: unknown,
): { readonly status: RpcStatus; readonly exceeded?: LimitExceeded } {
  const reason = error instanceof Error ? error.message : String(error);
  const message = `can't decode ${typeName}: ${reason}`;
  if (!(error instanceof FieldLimitError)) return { status: { code: Code.Internal, message } };
  return { status: { code: Code.ResourceExhausted, message }, exceeded: { limit: error.limit, message } };
}

/** A codec that leaves bytes as they are, for callers that have their own encoding. */
export const bytesCodec: MessageCodec<Uint8Array, Uint8Array> = {
  encode: (bytes) => bytes,
  decode: (bytes) => bytes,
};

function isMessage<D extends DescMessage>(message: unknown, schema: D): message is MessageShape<D> {
  return (message as Message).$typeName === schema.typeName;
}
