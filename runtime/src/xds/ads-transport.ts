/** Opens ADS streams. The composition root implements it over our own gRPC. */
export interface AdsTransport {
  /** Opens one stream. Handlers are called after this returned. */
  open(handler: AdsStreamHandler): AdsStream;
}

/** Gets what happens on an ADS stream, in order. */
export interface AdsStreamHandler {
  /** The server is connected: what is sent reaches it. */
  onOpen(): void;
  /** One serialized DiscoveryResponse, the handler's to keep. */
  onMessage(bytes: Uint8Array): void;
  /** The stream is over, or could not be opened. Called once, last; not after `close`. */
  onClose(reason: string): void;
}

/** One ADS stream. */
export interface AdsStream {
  /** Sends one serialized DiscoveryRequest. */
  send(bytes: Uint8Array): void;
  close(): void;
}
