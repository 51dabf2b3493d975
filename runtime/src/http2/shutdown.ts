import { MAX_STREAM_ID } from "./frame.js";
import type { FrameWriter } from "./frame-writer.js";
import type { Timeouts } from "./timeouts.js";
import { type ConnectionError, ErrorCode, errorName } from "./types.js";

/** The connection that a {@link Shutdown} ends. */
export interface ShutdownOwner {
  readonly role: "client" | "server";
  readonly isClosed: boolean;
  readonly openStreams: number;
  /** The last stream that the peer has opened. */
  readonly lastPeerStreamId: number;
  ping(onAck: () => void): void;
  /** No stream can be opened from here on. */
  onDraining(): void;
  /** Something was written. */
  signal(): void;
  /** The last stream has ended. */
  end(error: ConnectionError | undefined): void;
}

/**
 * The orderly end of a connection, by GOAWAY (RFC 9113 section 6.8). A server says it twice: at first that it will end, and
 * when the client has answered a PING, which streams are still served; others are refused from then on. Streams that are
 * open go on to their end.
 */
export class Shutdown {
  readonly #owner: ShutdownOwner;
  readonly #writer: FrameWriter;
  readonly #timeouts: Timeouts;
  /** Last id of the final GOAWAY that we sent: streams above it are refused. It may not rise. */
  #finalStreamId = MAX_STREAM_ID;
  #didPeerGoAway = false;
  /** Whether either side has begun. */
  isBegun = false;
  /** What the peer's GOAWAY complained about: it ends the connection once the last stream has ended. */
  peerError: ConnectionError | undefined;

  constructor(owner: ShutdownOwner, writer: FrameWriter, timeouts: Timeouts) {
    this.#owner = owner;
    this.#writer = writer;
    this.#timeouts = timeouts;
  }

  /** Whether streams that the peer opens now are served. */
  get isAccepting(): boolean {
    return this.#finalStreamId === MAX_STREAM_ID;
  }

  /** Says that the connection will end; once. */
  begin(): void {
    this.isBegun = true;
    if (this.#owner.role === "client") {
      this.#writer.goAway(0, ErrorCode.NO_ERROR, "");
      this.#owner.signal();
      this.#owner.onDraining();
      return this.endIfDone();
    }
    // A client may have opened streams that are on their way: they are still served, up to the answer to the PING.
    this.#writer.goAway(MAX_STREAM_ID, ErrorCode.NO_ERROR, "");
    this.#timeouts.drainPing(true);
    this.#owner.ping(() => this.sayFinal());
  }

  /** The second GOAWAY of a server, once. */
  sayFinal(): void {
    if (!this.isAccepting) return;
    this.#timeouts.drainPing(false);
    this.#finalStreamId = this.#owner.lastPeerStreamId;
    this.#writer.goAway(this.#finalStreamId, ErrorCode.NO_ERROR, "");
    this.#owner.signal();
    this.endIfDone();
  }

  /** The last GOAWAY of a connection that ends at once. */
  sayGoodbye(code: ErrorCode, message: string): void {
    this.#writer.goAway(Math.min(this.#finalStreamId, this.#owner.lastPeerStreamId), code, message);
    this.#owner.signal();
  }

  /** The peer's GOAWAY. Returns what it says, for people. */
  peerGoAway(code: number, debug: string): string {
    this.isBegun = true;
    this.#didPeerGoAway = true;
    const message = `the peer is going away with ${errorName(code)}${debug === "" ? "" : `: ${debug}`}`;
    if (code !== ErrorCode.NO_ERROR) this.peerError = { code, origin: "remote", message };
    return message;
  }

  /** Ends the connection when it was said to end and nothing is left to do. */
  endIfDone(): void {
    const { role, isClosed, openStreams } = this.#owner;
    if (isClosed || openStreams > 0) return;
    if (role === "client" || this.#didPeerGoAway || !this.isAccepting) this.#owner.end(this.peerError);
  }
}
