import { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { systemClock, type Timer } from "../base/clock.js";
import { peerOf } from "./socket-stream.js";

/** The TLS handshakes of a listener that are under way. Each has until its timeout, however busy its peer keeps it. */
export interface Handshakes {
  /** A connection was accepted. */
  begin(raw: Socket): void;
  /** The handshake on a connection succeeded or failed. Tells who the peer is, and whether it had been too slow. */
  end(socket: TLSSocket): { readonly peer: string; readonly isTimedOut: boolean };
  /** Ends every connection that is not through its handshake. */
  abandon(): void;
}

interface Handshake {
  readonly peer: string;
  readonly timer: Timer;
  isTimedOut: boolean;
}

/** Watches over handshakes; `onTimeout` is told of each peer that took longer than `timeoutMs`. */
export function createHandshakes(timeoutMs: number, onTimeout: (peer: string) => void): Handshakes {
  const pending = new Set<Socket>();
  const handshakes = new WeakMap<Socket, Handshake>();
  const settle = (raw: Socket): void => {
    handshakes.get(raw)?.timer.cancel();
    pending.delete(raw);
  };
  return {
    begin(raw) {
      const handshake: Handshake = {
        peer: peerOf(raw),
        timer: systemClock.setTimer(timeoutMs, () => {
          handshake.isTimedOut = true;
          raw.destroy();
          onTimeout(handshake.peer);
        }),
        isTimedOut: false,
      };
      pending.add(raw);
      handshakes.set(raw, handshake);
      raw.once("close", () => settle(raw));
    },
    end(socket) {
      const raw = rawSocketOf(socket);
      if (raw === undefined) {
        // Better no timeout of ours, Node has one as well, than the end of a good connection.
        for (const other of pending) settle(other);
        return { peer: peerOf(socket), isTimedOut: false };
      }
      settle(raw);
      const { peer, isTimedOut } = handshakes.get(raw) ?? { peer: peerOf(socket), isTimedOut: false };
      return { peer, isTimedOut };
    },
    abandon() {
      for (const raw of pending) raw.destroy();
    },
  };
}

/**
 * The connection under a TLS socket that a server made. Node has no public name for it, though it hands out both; a TLS
 * socket that was closed does not even know its peer's address.
 */
function rawSocketOf(socket: TLSSocket): Socket | undefined {
  const raw: unknown = Reflect.get(socket, "_parent");
  return raw instanceof Socket ? raw : undefined;
}
