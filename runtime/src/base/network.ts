import type { ClientTls, ServerTls, TlsFacts } from "./tls.js";

/** Where a peer listens. Written `host:port`, `[ipv6]:port` or `unix:/path`. */
export type Address =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/**
 * A connected, ordered, reliable stream of bytes: a socket, or one end of a simulated one.
 *
 * Call `start` once, synchronously after the stream was handed over; nothing is delivered before.
 */
export interface ByteStream {
  /** The peer's address, `host:port`, for errors and for handlers. */
  readonly peer: string;
  /** What the TLS handshake found. Absent: the stream is plaintext. */
  readonly tls?: TlsFacts;
  /** Begins delivery to `handler`. */
  start(handler: ByteStreamHandler): void;
  /**
   * Queues `bytes`, to leave at the end of the turn at the latest. False asks the caller to wait for `onDrain`, unless
   * `flush` then says that all has left. The caller must not change them before that.
   */
  write(bytes: Uint8Array): boolean;
  /** Sends what is queued now. True when everything ever written has left, so that its memory may be used again. */
  flush(): boolean;
  /** Stops `onBytes` until `resume`, so that the peer is slowed down. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once; what is queued is lost. */
  destroy(): void;
}

/** Receives what happens on a {@link ByteStream}. Called in order; must not throw and must not block. */
export interface ByteStreamHandler {
  /** Bytes arrived. The chunk may be reused by the stream: it is valid during the call only. */
  onBytes(chunk: Uint8Array): void;
  /** The queue behind `write` ran empty after a `write` that returned false. */
  onDrain(): void;
  /** The stream is gone, once, last. `error` is absent when both sides ended in order. */
  onClose(error: Error | undefined): void;
}

/** The only way to other processes. `net/` implements it on sockets, `testing/` in memory. */
export interface Network {
  /** Connects. Rejects with an error that names the address when it fails, times out or `signal` aborts. */
  connect(address: Address, options: ConnectOptions): Promise<ByteStream>;
  /** Listens; `onStream` gets every accepted stream. Rejects with an error that names the address. */
  listen(address: Address, onStream: (stream: ByteStream) => void, options?: ListenOptions): Promise<Listener>;
}

/** Options of {@link Network.connect}. */
export interface ConnectOptions {
  /** Milliseconds until the attempt fails. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Speaks TLS, and hands over no stream before the peer has proved who it is. Absent: plaintext. */
  readonly tls?: ClientTls;
}

/** Options of {@link Network.listen}. The callbacks must not throw. */
export interface ListenOptions {
  /** Speaks TLS: `onStream` gets a stream when its handshake succeeded. Absent: plaintext. */
  readonly tls?: ServerTls;
  /** Milliseconds from an accepted connection to the end of its TLS handshake. Defaults to 10 s. */
  readonly tlsHandshakeTimeoutMs?: number;
  /** Connections that are open at once; more are closed at once. Defaults to no limit. */
  readonly maxConnections?: number;
  /** A peer, or all of them together, went over a limit; the connection in question is closed. */
  readonly onLimit?: (exceeded: ListenLimitExceeded) => void;
  /** A connection came to nothing: accepting it failed, or its TLS handshake did. The listener goes on. */
  readonly onError?: (error: Error) => void;
}

/** A limit of a listener that was exceeded. */
export interface ListenLimitExceeded {
  readonly limit: "connections" | "tls_handshake_timeout";
  /** The address of the peer whose connection was closed, `host:port`. */
  readonly peer: string;
  /** What was found, for people. */
  readonly message: string;
}

/** A listening address. */
export interface Listener {
  /** The address in use, with the real port when port 0 was asked for. */
  readonly address: Address;
  /** Stops accepting. Accepted streams live on. */
  close(): Promise<void>;
}

/** Writes an address the way that {@link parseAddress} reads it. */
export function formatAddress(address: Address): string {
  switch (address.kind) {
    case "tcp":
      return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
    case "unix":
      return `unix:${address.path}`;
  }
}

/**
 * Reads `host:port`, `[ipv6]:port`, `unix:/path` or `unix:///path` (gRPC naming). Undefined when the text is none of
 * these.
 */
export function parseAddress(text: string): Address | undefined {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
    return path === "" ? undefined : { kind: "unix", path };
  }
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  return port > 65_535 ? undefined : { kind: "tcp", host: match[1] ?? match[2] ?? "", port };
}
