import type { Clock, Timer } from "../base/clock.js";
import type { Rng } from "../base/rng.js";
import type { Http2Limits, LimitName } from "./limits.js";
import type { StreamState } from "./stream.js";
import { ErrorCode } from "./types.js";

const AGE_JITTER = 0.1;

/** What {@link Timeouts} sees of its connection and does to it. */
export interface TimeoutsOwner {
  readonly role: "client" | "server";
  readonly isClosed: boolean;
  readonly isDraining: boolean;
  readonly streams: ReadonlyMap<number, StreamState>;
  /** A header block, or a frame that is none of DATA, has begun and not ended. */
  readonly isInHeaderBlock: boolean;
  /** We leave the peer's bytes in the transport. */
  readonly isReadPaused: boolean;
  ping(onAck: () => void): void;
  drain(): void;
  /** The peer did not answer the PING of a graceful end. */
  drainNow(): void;
  tellLimit(limit: LimitName, message: string): void;
  /** Ends the connection and tells which limit did it. */
  exceed(limit: LimitName, code: ErrorCode, message: string): void;
  /** Ends a stream and tells which limit did it. */
  exceedOn(stream: StreamState, limit: LimitName, message: string): void;
}

/**
 * Everything about a connection that ends by waiting. One timer, for whatever is due first: an event that moves a
 * deadline further away costs an assignment, and only one that brings a deadline closer arms the timer again.
 */
export class Timeouts {
  readonly #owner: TimeoutsOwner;
  readonly #clock: Clock;
  readonly #limits: Http2Limits;
  readonly #startMs: number;
  readonly #maxAgeMs: number;
  #timer: Timer | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;
  #isInHandshake = true;
  /** When each of our SETTINGS was sent that the peer has not acknowledged. */
  #settingsSentMs: number[] = [];
  #headerBlockMs = Number.POSITIVE_INFINITY;
  #idleSinceMs: number;
  #receivedMs: number;
  #keepaliveSentMs = Number.POSITIVE_INFINITY;
  #drainSentMs = Number.POSITIVE_INFINITY;
  #isAged = false;

  constructor(owner: TimeoutsOwner, clock: Clock, rng: Rng, limits: Http2Limits) {
    this.#owner = owner;
    this.#clock = clock;
    this.#limits = limits;
    this.#startMs = clock.nowMs();
    this.#idleSinceMs = this.#startMs;
    this.#receivedMs = this.#startMs;
    this.#maxAgeMs = limits.maxConnectionAgeMs * (1 + AGE_JITTER * (2 * rng() - 1));
  }

  /** Arms the timer for the first time; what the owner sends first was sent. */
  start(): void {
    this.#arm(this.#nextDue(this.#startMs));
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timerDueMs = Number.NEGATIVE_INFINITY;
  }

  /** Bytes came; they have been read. */
  received(): void {
    const nowMs = this.#clock.nowMs();
    this.#receivedMs = nowMs;
    if (!this.#owner.isInHeaderBlock) {
      this.#headerBlockMs = Number.POSITIVE_INFINITY;
    } else if (this.#headerBlockMs === Number.POSITIVE_INFINITY) {
      this.#headerBlockMs = nowMs;
      this.#arm(nowMs + this.#limits.headerBlockTimeoutMs);
    }
  }

  /** We read again after we did not: what is left of a header block gets its time from here. */
  readable(): void {
    if (this.#headerBlockMs !== Number.POSITIVE_INFINITY) this.#headerBlockMs = this.#clock.nowMs();
  }

  /** The peer's SETTINGS came. */
  handshaken(): void {
    this.#isInHandshake = false;
  }

  settingsSent(): void {
    const nowMs = this.#clock.nowMs();
    this.#settingsSentMs.push(nowMs);
    this.#arm(nowMs + this.#limits.settingsAckTimeoutMs);
  }

  /** The peer acknowledged SETTINGS: false when none were waiting for it. */
  settingsAcked(): boolean {
    return this.#settingsSentMs.shift() !== undefined;
  }

  /** The PING of a graceful end was sent; `undefined` when it was answered. */
  drainPing(isSent: boolean): void {
    this.#drainSentMs = isSent ? this.#clock.nowMs() : Number.POSITIVE_INFINITY;
    if (isSent) this.#arm(this.#drainSentMs + this.#limits.keepaliveTimeoutMs);
  }

  /** The last stream ended. */
  idle(): void {
    if (this.#limits.idleTimeoutMs === Number.POSITIVE_INFINITY || this.#owner.role === "client") return;
    this.#idleSinceMs = this.#clock.nowMs();
    this.#arm(this.#idleSinceMs + this.#limits.idleTimeoutMs);
  }

  /** A stream opened. */
  opened(stream: StreamState): void {
    if (this.#owner.role === "client") this.#arm(this.#receivedMs + this.#keepaliveMs);
    if (this.#limits.streamIdleTimeoutMs === Number.POSITIVE_INFINITY) return;
    this.active(stream);
    this.#arm(stream.activeMs + this.#limits.streamIdleTimeoutMs);
  }

  /** Something happened on a stream. */
  active(stream: StreamState): void {
    if (this.#limits.streamIdleTimeoutMs !== Number.POSITIVE_INFINITY) stream.activeMs = this.#clock.nowMs();
  }

  /** A stream has something to send, and the peer must let it. */
  waiting(stream: StreamState): void {
    stream.waitingMs = this.#clock.nowMs();
    this.#arm(stream.waitingMs + this.#limits.stallTimeoutMs);
  }

  #arm(dueMs: number): void {
    if (dueMs >= this.#timerDueMs || dueMs === Number.POSITIVE_INFINITY) return;
    this.#timer?.cancel();
    this.#timerDueMs = dueMs;
    this.#timer = this.#clock.setTimer(Math.max(0, dueMs - this.#clock.nowMs()), () => this.#onTimer());
  }

  #onTimer(): void {
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.nowMs();
    this.#checkHandshake(nowMs);
    if (!this.#owner.isClosed) this.#checkKeepalive(nowMs);
    if (!this.#owner.isClosed) this.#checkStreams(nowMs);
    if (!this.#owner.isClosed) this.#checkAge(nowMs);
    if (!this.#owner.isClosed) this.#arm(this.#nextDue(nowMs));
  }

  #checkHandshake(nowMs: number): void {
    const { handshakeTimeoutMs, settingsAckTimeoutMs, headerBlockTimeoutMs } = this.#limits;
    if (this.#isInHandshake && nowMs >= this.#startMs + handshakeTimeoutMs) {
      const message = `no preface and SETTINGS within ${handshakeTimeoutMs} ms`;
      this.#owner.exceed("handshake_timeout", ErrorCode.SETTINGS_TIMEOUT, message);
    } else if (nowMs >= (this.#settingsSentMs[0] ?? Number.POSITIVE_INFINITY) + settingsAckTimeoutMs) {
      const message = `SETTINGS not acknowledged within ${settingsAckTimeoutMs} ms`;
      this.#owner.exceed("settings_ack_timeout", ErrorCode.SETTINGS_TIMEOUT, message);
    } else if (nowMs >= this.#headerBlockMs + headerBlockTimeoutMs) {
      // The rest may have come, and we did not look.
      if (this.#owner.isReadPaused) return this.readable();
      const message = `a header block did not end within ${headerBlockTimeoutMs} ms`;
      this.#owner.exceed("header_block_timeout", ErrorCode.ENHANCE_YOUR_CALM, message);
    }
  }

  #checkKeepalive(nowMs: number): void {
    const { keepaliveTimeoutMs } = this.#limits;
    if (nowMs >= this.#drainSentMs + keepaliveTimeoutMs) {
      this.#drainSentMs = Number.POSITIVE_INFINITY;
      this.#owner.drainNow();
    }
    if (this.#keepaliveSentMs !== Number.POSITIVE_INFINITY) {
      if (this.#receivedMs > this.#keepaliveSentMs) this.#keepaliveSentMs = Number.POSITIVE_INFINITY;
      else if (nowMs >= this.#keepaliveSentMs + keepaliveTimeoutMs) {
        const message = `keepalive: no answer to a PING within ${keepaliveTimeoutMs} ms`;
        this.#owner.exceed("keepalive_timeout", ErrorCode.INTERNAL_ERROR, message);
      }
      return;
    }
    if (nowMs < this.#receivedMs + this.#keepaliveMs || !this.#hasReasonToAsk) return;
    this.#keepaliveSentMs = nowMs;
    this.#owner.ping(() => {
      this.#keepaliveSentMs = Number.POSITIVE_INFINITY;
      this.#arm(this.#clock.nowMs() + this.#keepaliveMs);
    });
  }

  #checkStreams(nowMs: number): void {
    const { stallTimeoutMs, streamIdleTimeoutMs, idleTimeoutMs } = this.#limits;
    for (const stream of this.#owner.streams.values()) {
      if (stream.queue.length > 0 && nowMs >= stream.waitingMs + stallTimeoutMs) {
        this.#owner.exceedOn(stream, "stall_timeout", `nothing could be sent for ${stallTimeoutMs} ms`);
      } else if (nowMs >= stream.activeMs + streamIdleTimeoutMs) {
        this.#owner.exceedOn(stream, "stream_idle_timeout", `nothing happened for ${streamIdleTimeoutMs} ms`);
      }
      if (this.#owner.isClosed) return;
    }
    if (!this.#isIdleServer || nowMs < this.#idleSinceMs + idleTimeoutMs) return;
    this.#owner.tellLimit("idle_timeout", `no stream for ${idleTimeoutMs} ms`);
    this.#owner.drain();
  }

  #checkAge(nowMs: number): void {
    const { maxConnectionAgeGraceMs } = this.#limits;
    if (this.#owner.role === "client" || nowMs < this.#startMs + this.#maxAgeMs) return;
    if (!this.#isAged) {
      this.#isAged = true;
      this.#owner.drain();
    }
    if (nowMs < this.#startMs + this.#maxAgeMs + maxConnectionAgeGraceMs || this.#owner.isClosed) return;
    const message = `streams outlived the connection's age by ${maxConnectionAgeGraceMs} ms`;
    this.#owner.exceed("connection_age", ErrorCode.NO_ERROR, message);
  }

  get #isIdleServer(): boolean {
    return this.#owner.role === "server" && !this.#owner.isDraining && this.#owner.streams.size === 0;
  }

  /** A client asks while something depends on the answer, or servers would count it against it (gRFC A8). */
  get #hasReasonToAsk(): boolean {
    return this.#owner.role === "server" || this.#owner.streams.size > 0;
  }

  get #keepaliveMs(): number {
    const { keepaliveTimeMs } = this.#limits;
    return this.#owner.role === "client" ? Math.max(keepaliveTimeMs, MIN_CLIENT_KEEPALIVE_MS) : keepaliveTimeMs;
  }

  #nextDue(nowMs: number): number {
    const limits = this.#limits;
    let dueMs = Math.min(
      this.#isInHandshake ? this.#startMs + limits.handshakeTimeoutMs : Number.POSITIVE_INFINITY,
      (this.#settingsSentMs[0] ?? Number.POSITIVE_INFINITY) + limits.settingsAckTimeoutMs,
      this.#headerBlockMs + limits.headerBlockTimeoutMs,
      this.#drainSentMs + limits.keepaliveTimeoutMs,
      this.#keepaliveSentMs + limits.keepaliveTimeoutMs,
      this.#isIdleServer ? this.#idleSinceMs + limits.idleTimeoutMs : Number.POSITIVE_INFINITY,
    );
    if (this.#hasReasonToAsk && this.#keepaliveSentMs === Number.POSITIVE_INFINITY) {
      dueMs = Math.min(dueMs, this.#receivedMs + this.#keepaliveMs);
    }
    if (this.#owner.role === "server") {
      dueMs = Math.min(dueMs, this.#startMs + this.#maxAgeMs + (this.#isAged ? limits.maxConnectionAgeGraceMs : 0));
    }
    for (const stream of this.#owner.streams.values()) {
      if (stream.queue.length > 0) dueMs = Math.min(dueMs, stream.waitingMs + limits.stallTimeoutMs);
      dueMs = Math.min(dueMs, stream.activeMs + limits.streamIdleTimeoutMs);
    }
    // What is due and stays due, as when a clock is coarse, is not asked about in a loop.
    return Math.max(dueMs, nowMs + 1);
  }
}

// gRPC core's lower bound of KEEPALIVE_TIME.
const MIN_CLIENT_KEEPALIVE_MS = 10_000;
