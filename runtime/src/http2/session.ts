import type { Clock, Timer } from "../base/clock.js";
import type { ByteStream } from "../base/network.js";
import type { Rng } from "../base/rng.js";
import { createHttp2Connection } from "./connection.js";
import type { ConnectionHandler, Http2Connection, Http2Options } from "./types.js";

// What a peer has to close its side; some never do. A server that ends in order waits longer: its last response may
// still be under way to a slow reader, which must not be cut off.
const LINGER_MS = 1000;
const LINGER_AFTER_DRAIN_MS = 30_000;

/** What {@link openHttp2Session} joins. */
export interface SessionInit {
  readonly role: "client" | "server";
  readonly stream: ByteStream;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly options?: Http2Options;
  readonly handler: Omit<ConnectionHandler, "onOutput">;
}

/**
 * Runs an HTTP/2 connection on a byte stream. Output leaves once per turn, in one write; a peer that does not read
 * stops us from taking more output, and bodies then wait in their streams.
 *
 * No handler is called before this returns.
 */
export function openHttp2Session({ role, stream, clock, rng, options, handler }: SessionInit): Http2Connection {
  let isFlushQueued = false;
  let isBlocked = false;
  let isOver = false;
  let isGone = false;
  let linger: Timer | undefined;

  const write = (bytes: Uint8Array): void => {
    if (!stream.write(bytes)) isBlocked = true;
  };
  const flush = (): void => {
    isFlushQueued = false;
    if (!isOver && !isBlocked) connection.takeOutput(write);
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
      onStream: (opened, fields, endStream) => handler.onStream(opened, fields, endStream),
      onCapacity: () => handler.onCapacity(),
      onLimit: (exceeded) => handler.onLimit?.(exceeded),
      onClose: (error) => {
        // The last words, such as GOAWAY, leave before the end.
        connection.takeOutput(write);
        isOver = true;
        if (!isGone) {
          stream.end();
          const lingerMs = role === "server" && error === undefined ? LINGER_AFTER_DRAIN_MS : LINGER_MS;
          linger = clock.setTimer(lingerMs, () => stream.destroy());
        }
        handler.onClose(error);
      },
    },
  });

  stream.start({
    onBytes: (chunk) => connection.receive(chunk),
    onDrain: () => {
      isBlocked = false;
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
