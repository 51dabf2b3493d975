import type { Http2Limits, LimitName } from "./limits.js";
import type { PeerBudgets } from "./peer-budgets.js";
import type { PeerSettings } from "./settings.js";
import type { StreamState } from "./stream.js";
import type { ErrorCode, HeaderFields } from "./types.js";

/** What those who read frames know of their connection and tell it. */
export interface FrameEvents {
  readonly role: "client" | "server";
  readonly limits: Http2Limits;
  readonly budgets: PeerBudgets;
  readonly peer: PeerSettings;
  readonly streams: ReadonlyMap<number, StreamState>;
  readonly isClosed: boolean;
  /** Whether a stream that the peer opens now is still served: not after our final GOAWAY. */
  readonly isAccepting: boolean;
  /** Whether one more stream is within MAX_CONCURRENT_STREAMS. */
  readonly hasRoom: boolean;
  /** Highest stream id that the peer opened. */
  lastPeerStreamId: number;
  /** Highest stream id that we opened. */
  readonly lastLocalStreamId: number;
  /** A request arrived: opens its stream. */
  peerOpened(id: number, fields: HeaderFields, endStream: boolean): StreamState;
  /** False when the connection's window does not allow so many bytes. */
  dataReceived(byteCount: number): boolean;
  /** False when the stream's window does not allow so many bytes. */
  dataReceivedOn(stream: StreamState, byteCount: number): boolean;
  /** Gives bytes back that no stream's user will consume. */
  giveBackUnused(byteCount: number): void;
  remoteEnd(stream: StreamState): void;
  peerReset(stream: StreamState, code: number): void;
  windowUpdated(stream: StreamState | undefined, increment: number): void;
  settingsChanged(): void;
  settingsAcked(): void;
  pinged(payload: Uint8Array, start: number): void;
  pingAcked(payload: Uint8Array, start: number): void;
  peerGoAway(lastStreamId: number, code: number, debug: string): void;
  /** We reset this stream, so frames of it that are under way are no errors. */
  wasReset(id: number): boolean;
  /** Tells of a limit that is exceeded; the caller does what follows from it. */
  tellLimit(limit: LimitName, message: string): void;
  /** Ends the connection because the peer exceeded a limit. */
  exceed(limit: LimitName, code: ErrorCode, message: string): void;
  /** Ends the connection because of an error of the peer. */
  fail(code: ErrorCode, message: string): void;
  /** Ends a stream because of an error of the peer, which makes us send a reset. */
  failStream(id: number, code: ErrorCode, message: string): void;
}
