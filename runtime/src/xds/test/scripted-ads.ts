import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import {
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "@meshwright/proto/envoy/service/discovery/v3/discovery_pb";
import type { AdsStreamHandler, AdsTransport } from "../ads-transport.js";

/** One stream that the client opened, driven by the test as the server. */
export interface ScriptedStream {
  readonly requests: readonly DiscoveryRequest[];
  readonly isClosed: boolean;
  /** The server accepts the stream. */
  accept(): void;
  /** Sends a response of resources of one type. */
  respond(typeUrl: string, version: string, nonce: string, resources: readonly Any[]): void;
  respondBytes(bytes: Uint8Array): void;
  /** The server ends the stream. */
  fail(reason: string): void;
  /** Requests that came since the last call. */
  take(): readonly DiscoveryRequest[];
}

/** An {@link AdsTransport} whose streams are kept for the test. */
export interface ScriptedAds extends AdsTransport {
  readonly streams: readonly ScriptedStream[];
  /** The newest stream. */
  readonly stream: ScriptedStream;
}

/** Makes a {@link ScriptedAds}. */
export function createScriptedAds(): ScriptedAds {
  const streams: ScriptedStream[] = [];
  return {
    streams,
    get stream() {
      const stream = streams.at(-1);
      if (stream === undefined) throw new Error("the client opened no stream");
      return stream;
    },
    open(handler) {
      const requests: DiscoveryRequest[] = [];
      let isClosed = false;
      streams.push(createStream(handler, requests, () => isClosed));
      return {
        send: (bytes) => requests.push(fromBinary(DiscoveryRequestSchema, bytes)),
        close: () => {
          isClosed = true;
        },
      };
    },
  };
}

/** The plain object that a message is made from. */
export type Init<Desc extends DescMessage> = Exclude<MessageInitShape<Desc>, MessageShape<Desc>>;

/** A resource as a response carries it. */
export function anyOf<Desc extends DescMessage>(schema: Desc, init: Init<Desc>): Any {
  const message = create(schema, init as MessageInitShape<Desc>);
  return create(AnySchema, { typeUrl: typeUrlOf(schema), value: toBinary(schema, message) });
}

/** The type URL of a message. */
export function typeUrlOf(schema: DescMessage): string {
  return `type.googleapis.com/${schema.typeName}`;
}

function createStream(
  handler: AdsStreamHandler,
  requests: DiscoveryRequest[],
  isClosed: () => boolean,
): ScriptedStream {
  let taken = 0;
  return {
    requests,
    get isClosed() {
      return isClosed();
    },
    accept: () => handler.onOpen(),
    respond(typeUrl, versionInfo, nonce, resources) {
      const response = create(DiscoveryResponseSchema, { typeUrl, versionInfo, nonce, resources: [...resources] });
      handler.onMessage(toBinary(DiscoveryResponseSchema, response));
    },
    respondBytes: (bytes) => handler.onMessage(bytes),
    fail: (reason) => handler.onClose(reason),
    take() {
      const fresh = requests.slice(taken);
      taken = requests.length;
      return fresh;
    },
  };
}
