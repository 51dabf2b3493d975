import type { FrameEvents } from "./frame-events.js";
import { ErrorCode } from "./types.js";

/** Whether nobody has opened the stream yet (RFC 9113 section 5.1.1). Stream 0 counts as idle: it is none. */
export function isIdle(events: FrameEvents, streamId: number): boolean {
  if (streamId === 0) return true;
  const isOurs = (streamId % 2 === 1) === (events.role === "client");
  return streamId > (isOurs ? events.lastLocalStreamId : events.lastPeerStreamId);
}

/** Judges a frame on a stream that is not open. True when it is merely late; else the connection is over. */
export function isMerelyLate(events: FrameEvents, streamId: number, frame: string): boolean {
  if (isIdle(events, streamId)) {
    const stream = streamId === 0 ? "stream 0" : `idle stream ${streamId}`;
    events.fail(ErrorCode.PROTOCOL_ERROR, `${frame} on ${stream}`);
    return false;
  }
  if (events.wasReset(streamId)) return true;
  events.fail(ErrorCode.STREAM_CLOSED, `${frame} on closed stream ${streamId}`);
  return false;
}
