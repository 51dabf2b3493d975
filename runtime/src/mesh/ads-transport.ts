import { AggregatedDiscoveryService } from "@meshwright/proto/envoy/service/discovery/v3/ads_pb";
import type { Channel } from "../client/channel.js";
import { StreamCall } from "../client/stream-call.js";
import { bytesCodec } from "../rpc/codec.js";
import { Decompressor } from "../rpc/decompressor.js";
import { createRpcMethod, type RpcMethod } from "../rpc/method.js";
import type { AdsStream, AdsStreamHandler, AdsTransport } from "../xds/ads-transport.js";

// One response may hold the whole configuration of a large mesh.
const READ_MAX_BYTES = 64 * 1024 * 1024;
const CANCELLED = 1;

/** ADS over our own gRPC. Messages stay bytes: the xDS client knows them best. */
export function createAdsTransport(channel: Channel): AdsTransport {
  const method: RpcMethod = {
    ...createRpcMethod(AggregatedDiscoveryService.method.streamAggregatedResources, channel.target),
    requestCodec: bytesCodec as RpcMethod["requestCodec"],
    responseCodec: bytesCodec,
  };
  return { open: (handler) => new AdsCall(channel, method, handler) };
}

/** One ADS stream: requests go in through an async iterable that is fed by `send`. */
class AdsCall implements AdsStream, AsyncIterable<Uint8Array> {
  readonly #handler: AdsStreamHandler;
  readonly #call: StreamCall;
  #requests: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  #isOpen = false;
  #isClosed = false;

  constructor(channel: Channel, method: RpcMethod, handler: AdsStreamHandler) {
    this.#handler = handler;
    this.#call = new StreamCall(
      channel,
      method,
      this,
      {},
      { readMaxBytes: READ_MAX_BYTES, decompressor: new Decompressor() },
      // Failures before the first response reach the reader below as well, as the end of the messages.
      { onHeaders: () => {}, onError: (error) => this.#end(error) },
    );
    // Handlers are promised to be called later.
    channel.dependencies.clock.defer(() => {
      if (this.#isClosed) return;
      this.#call.start();
      void this.#read();
    });
  }

  send(bytes: Uint8Array): void {
    this.#requests.push(bytes);
    this.#wake?.();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#wake?.();
    this.#call.cancel({ code: CANCELLED, message: "the xDS client needs nothing more" });
  }

  /** The first request is asked for when the stream stands on a connection: that is when it is open. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (!this.#isOpen && !this.#isClosed) {
      this.#isOpen = true;
      this.#handler.onOpen();
    }
    while (!this.#isClosed) {
      const requests = this.#requests;
      this.#requests = [];
      yield* requests;
      if (this.#requests.length > 0) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async #read(): Promise<void> {
    try {
      for await (const bytes of this.#call.messages) {
        if (!this.#isClosed) this.#handler.onMessage(bytes as Uint8Array);
      }
      this.#end(undefined);
    } catch (error) {
      this.#end(error);
    }
  }

  #end(error: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#wake?.();
    const reason = error instanceof Error ? error.message : "the control plane ended the stream";
    this.#handler.onClose(reason);
  }
}
