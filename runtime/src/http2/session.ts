import type { Clock, Timer } from "../base/clock.js";
import type { ByteStream } from "../base/network.js";
import type { Rng } from "../base/rng.js";
import { createHttp2Connection } from "./connection.js";
import { http2Limits } from "./limit-presets.js";
import { type ConnectionHandler, ErrorCode, type Http2Connection, type Http2Options } from "./types.js";

// How long a peer has to close its side after a server ended in order; some never do. The last response may still be
// under way to a slow reader, which must not be cut off.
const LINGER_AFTER_DRAIN_MS = 30_000;

/** What {@link openHttp2Session} joins. */
export interface SessionInit {
  readonly role: "client" | "server";
  readonly stream: ByteStream;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly options?: Http2Options;
  readonly handler: Omit<ConnectionHandler, "onOutput" | "onReadable">;
}

/**
 * Runs an HTTP/2 connection on a byte stream. Output leaves once per turn, in one write; a peer that does not read
 * stops us from taking more output, and bodies then wait in their streams.
 *
 * No handler is called before this returns.
 */
export function openHttp2Session({ role, stream, clock, rng, options, handler }: SessionInit): Http2Connection {
  let isFlushQueued = false;
  let isFull = false;
  let isBlocked = false;
  let isOver = false;
  let isGone = false;
  let isPaused = false;
  let linger: Timer | undefined;
  let stallCheck: Timer | undefined;
  let blockedSinceMs = 0;
  const { stallTimeoutMs, closeTimeoutMs } = http2Limits(options ?? {});

  const pause = (): void => {
    if (isPaused) return;
    isPaused = true;
    stream.pause();
  };
  // A socket that fills up does so again and again: one timer looks at it now and then.
  const checkStall = (delayMs: number): void => {
    stallCheck = clock.setTimer(delayMs, () => {
      stallCheck = undefined;
      if (!isBlocked || isOver) return;
      const leftMs = blockedSinceMs + stallTimeoutMs - clock.nowMs();
      if (leftMs > 0) return checkStall(leftMs);
      const message = `the peer took nothing for ${stallTimeoutMs} ms`;
      handler.onLimit?.({ limit: "stall_timeout", message });
      connection.close(ErrorCode.ENHANCE_YOUR_CALM, message);
    });
  };
  const write = (bytes: Uint8Array): void => {
    if (!stream.write(bytes)) isFull = true;
  };
  const send = (): void => {
    if (stream.flush()) {
      isFull = false;
      connection.outputLeft();
    }
    if (!isFull || isBlocked) return;
    isBlocked = true;
    blockedSinceMs = clock.nowMs();
    if (stallCheck === undefined && stallTimeoutMs < Number.POSITIVE_INFINITY) checkStall(stallTimeoutMs);
  };
  const flush = (): void => {
    isFlushQueued = false;
    if (isOver || isBlocked) return;
    if (stream.flush()) connection.outputLeft();
    connection.takeOutput(write);
    send();
  };

  const connection: Http2Connection = createHttp2Connection({
    role,
    clock,
    rng,
    options: options ?? {},
    handler: {
      onOutput: () => {
        if (isFlushQueued || isOver) return;
        isFlushQueued = true;
        clock.defer(flush);
      },
      onMuchOutput: () => {
        if (isOver || isBlocked) return;
        connection.takeWritten(write);
        send();
      },
      onStream: (opened, fields, endStream) => handler.onStream(opened, fields, endStream),
      onCapacity: () => handler.onCapacity(),
      onReadable: () => {
        if (!isPaused || isOver) return;
        isPaused = false;
        stream.resume();
      },
      onLimit: (exceeded) => handler.onLimit?.(exceeded),
      onClose: (error) => {
        // The last words, such as GOAWAY, leave before the end.
        connection.takeOutput(write);
        isOver = true;
        stallCheck?.cancel();
        if (!isGone) {
          stream.end();
          // After an error nothing is read any more (A23); after an orderly end the peer's own end is.
          if (error !== undefined && (error.origin !== "user" || error.code !== ErrorCode.NO_ERROR)) pause();
          else if (isPaused) stream.resume();
          const lingerMs = role === "server" && error === undefined ? LINGER_AFTER_DRAIN_MS : closeTimeoutMs;
          linger = clock.setTimer(lingerMs, () => stream.destroy());
        }
        handler.onClose(error);
      },
    },
  });

  stream.start({
    onBytes: (chunk) => {
      connection.receive(chunk);
      if (connection.isReadPaused) pause();
    },
    onDrain: () => {
      isBlocked = false;
      isFull = false;
      flush();
    },
    onClose: (error) => {
      isGone = true;
      linger?.cancel();
      connection.transportClosed(error);
    },
  });
  return connection;
}
