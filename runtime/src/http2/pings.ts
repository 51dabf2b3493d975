import type { Clock } from "../base/clock.js";
import type { FrameWriter } from "./frame-writer.js";
import type { Http2Limits } from "./limits.js";

// Without streams nothing is at stake that a PING could tell about (gRPC core, keepalive.md).
const IDLE_PING_INTERVAL_MS = 2 * 60 * 60 * 1000;

interface PendingPing {
  readonly id: number;
  readonly onAck: () => void;
}

/** The PINGs of a connection: ours, that wait for their answer, and the peer's, that a server does not take too many of. */
export class Pings {
  readonly #writer: FrameWriter;
  readonly #clock: Clock;
  readonly #limits: Http2Limits;
  readonly #payload = new Uint8Array(8);
  #pending: PendingPing[] = [];
  #lastId = 0;
  #strikes = 0;
  #lastPeerPingMs = Number.NEGATIVE_INFINITY;
  #didSend = false;

  constructor(writer: FrameWriter, clock: Clock, limits: Http2Limits) {
    this.#writer = writer;
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Writes a PING; `onAck` is called when the peer answers. */
  send(onAck: () => void): void {
    this.#lastId = (this.#lastId + 1) & 0xff_ffff;
    const id = this.#lastId;
    this.#payload[7] = id;
    this.#payload[6] = id >>> 8;
    this.#payload[5] = id >>> 16;
    this.#pending.push({ id, onAck });
    this.#writer.ping(this.#payload, 0, false);
  }

  /** An acknowledgement came: false when it answers no PING of ours. Answers come in the order of the questions. */
  acked(bytes: Uint8Array, start: number): boolean {
    const id =
      ((bytes[start + 5] as number) << 16) | ((bytes[start + 6] as number) << 8) | (bytes[start + 7] as number);
    if (this.#pending[0]?.id !== id) return false;
    this.#pending.shift()?.onAck();
    return true;
  }

  /** We sent HEADERS or DATA: what the peer asks now is forgiven. */
  sent(): void {
    this.#didSend = true;
  }

  /** The peer sent a PING: false when it is one too many (gRFC A8, gRPC's `too_many_pings`). */
  received(hasStreams: boolean): boolean {
    const nowMs = this.#clock.nowMs();
    if (this.#didSend) {
      this.#didSend = false;
      this.#strikes = 0;
    } else {
      const { minPingIntervalMs } = this.#limits;
      const intervalMs = hasStreams ? minPingIntervalMs : Math.max(minPingIntervalMs, IDLE_PING_INTERVAL_MS);
      if (nowMs - this.#lastPeerPingMs < intervalMs && minPingIntervalMs > 0) this.#strikes += 1;
    }
    this.#lastPeerPingMs = nowMs;
    return this.#strikes <= this.#limits.maxPingStrikes;
  }
}
