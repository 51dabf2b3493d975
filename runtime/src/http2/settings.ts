import {
  DEFAULT_MAX_FRAME_BYTES,
  DEFAULT_WINDOW_BYTES,
  LARGEST_MAX_FRAME_BYTES,
  MAX_WINDOW_BYTES,
  readUint32,
} from "./frame.js";
import type { Http2Limits } from "./limits.js";
import { ErrorCode } from "./types.js";

/** Setting identifiers of RFC 9113 section 6.5.2. */
export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

/** What we say of ourselves first, id and value. */
export function firstSettings(
  role: "client" | "server",
  limits: Http2Limits,
  streamWindowBytes: number,
): (readonly [id: number, value: number])[] {
  const entries: [id: number, value: number][] = [
    role === "client" ? [Setting.ENABLE_PUSH, 0] : [Setting.MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams],
    [Setting.HEADER_TABLE_SIZE, limits.headerTableBytes],
    [Setting.INITIAL_WINDOW_SIZE, streamWindowBytes],
    [Setting.MAX_FRAME_SIZE, limits.maxFrameBytes],
    [Setting.MAX_HEADER_LIST_SIZE, limits.maxHeaderListBytes],
  ];
  // A limit that is lifted is not spoken of; what holds then is none, or RFC 9113's own.
  return entries.filter(([, value]) => value < Number.POSITIVE_INFINITY);
}

/** What a peer has told us; the defaults hold until it does. */
export interface PeerSettings {
  headerTableBytes: number;
  /** The smallest value of it that the encoder has not been told yet. */
  smallestHeaderTableBytes: number;
  maxConcurrentStreams: number;
  initialWindowBytes: number;
  maxFrameBytes: number;
}

/** RFC 9113 section 6.5.2, initial values. */
export function defaultPeerSettings(maxConcurrentStreams: number): PeerSettings {
  return {
    headerTableBytes: 4096,
    smallestHeaderTableBytes: 4096,
    maxConcurrentStreams,
    initialWindowBytes: DEFAULT_WINDOW_BYTES,
    maxFrameBytes: DEFAULT_MAX_FRAME_BYTES,
  };
}

/** Why a SETTINGS frame is refused. */
export interface SettingsError {
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * Reads a SETTINGS payload into `settings` of the peer; `role` is our own. Returns why the connection must end, or
 * undefined.
 */
export function readSettings(
  bytes: Uint8Array,
  start: number,
  end: number,
  settings: PeerSettings,
  role: "client" | "server",
): SettingsError | undefined {
  for (let at = start; at < end; at += 6) {
    const id = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    const value = readUint32(bytes, at + 2);
    switch (id) {
      case Setting.HEADER_TABLE_SIZE:
        settings.headerTableBytes = value;
        settings.smallestHeaderTableBytes = Math.min(settings.smallestHeaderTableBytes, value);
        break;
      case Setting.ENABLE_PUSH:
        if (value > 1) return protocolError(`ENABLE_PUSH ${value} must be 0 or 1`);
        if (value === 1 && role === "client") return protocolError("ENABLE_PUSH 1 does not belong to a server");
        break;
      case Setting.MAX_CONCURRENT_STREAMS:
        settings.maxConcurrentStreams = value;
        break;
      case Setting.INITIAL_WINDOW_SIZE:
        if (value > MAX_WINDOW_BYTES) {
          return { code: ErrorCode.FLOW_CONTROL_ERROR, message: `INITIAL_WINDOW_SIZE ${value} is above 2^31-1` };
        }
        settings.initialWindowBytes = value;
        break;
      case Setting.MAX_FRAME_SIZE:
        if (value < DEFAULT_MAX_FRAME_BYTES || value > LARGEST_MAX_FRAME_BYTES) {
          return protocolError(`MAX_FRAME_SIZE ${value} must be in 16384 to 16777215`);
        }
        settings.maxFrameBytes = value;
        break;
      default:
        // RFC 9113 section 6.5.2: unknown settings are ignored.
        break;
    }
  }
  return undefined;
}

function protocolError(message: string): SettingsError {
  return { code: ErrorCode.PROTOCOL_ERROR, message };
}
