import type { Clock } from "../base/clock.js";
import type { Http2Limits, LimitName } from "./limits.js";
import { perTenSeconds, TokenBucket } from "./token-bucket.js";

/**
 * What a peer may cost us on one connection. Each method that answers tells whether the peer is still within its
 * budget; when it is not, `onExceeded` has been told and the connection is over.
 */
export class PeerBudgets {
  readonly #clock: Clock;
  readonly #limits: Http2Limits;
  readonly #onExceeded: (limit: LimitName, message: string) => void;
  readonly #resets: TokenBucket;
  readonly #cancels: TokenBucket;
  readonly #refusals: TokenBucket;
  readonly #settings: TokenBucket;
  readonly #control: TokenBucket;
  readonly #empty: TokenBucket;
  readonly #tiny: TokenBucket;
  readonly #unknown: TokenBucket;
  /** Runs at each tiny DATA frame. */
  onTinyFrame: () => void = () => {};
  #streams = 0;
  #dataFrames = 0;
  #windowUpdates = 0;
  #priorities = 0;
  #oversizedBlocks = 0;

  constructor(limits: Http2Limits, clock: Clock, onExceeded: (limit: LimitName, message: string) => void) {
    this.#limits = limits;
    this.#clock = clock;
    this.#onExceeded = onExceeded;
    this.#resets = new TokenBucket(limits.resetBurst, limits.resetsPerSecond);
    this.#cancels = new TokenBucket(limits.cancelBurst, limits.cancelsPerSecond);
    this.#refusals = perTenSeconds(limits.maxRefusedStreams);
    this.#settings = perTenSeconds(limits.maxSettingsFrames);
    this.#control = new TokenBucket(limits.controlBurst, limits.controlPerSecond);
    this.#empty = perTenSeconds(limits.maxEmptyFrames);
    this.#tiny = new TokenBucket(limits.tinyFrameBurst, limits.tinyFramesPerSecond);
    this.#unknown = perTenSeconds(limits.maxUnknownFrames);
  }

  /** A stream was opened, by either side. */
  streamOpened(): void {
    this.#streams += 1;
  }

  /** A stream ended, in order or not, after there was time to work on it: whatever came on it was of use. */
  streamEnded(): void {
    this.#resets.give();
    this.#tiny.give();
  }

  /** We sent DATA: the peer will answer with WINDOW_UPDATE, and may ask for the way with a PING. */
  dataSent(): void {
    this.#dataFrames += 1;
    this.#control.give();
  }

  /** We sent HEADERS. */
  headersSent(): void {
    this.#control.give();
  }

  /** The bytes of small frames made up something whole. */
  progress(): void {
    this.#tiny.give();
  }

  /** The peer reset a stream; `hadTurn` when that came later than the read that opened it. */
  peerReset(hadTurn: boolean): boolean {
    return hadTurn ? this.#take(this.#cancels, "cancel_rate", "too many streams are cancelled") : this.rapidReset();
  }

  /** A reset came before any work, or the peer made us reset a stream. */
  rapidReset(): boolean {
    return this.#take(this.#resets, "rapid_reset", "too many streams are reset");
  }

  streamRefused(): boolean {
    return this.#take(this.#refusals, "refused_streams", "too many streams beyond MAX_CONCURRENT_STREAMS");
  }

  settings(): boolean {
    return this.#take(this.#settings, "settings_rate", "too many SETTINGS frames");
  }

  control(frame: string): boolean {
    return this.#take(this.#control, "control_rate", `too many control frames, the last one ${frame}`);
  }

  emptyFrame(): boolean {
    return this.#take(this.#empty, "empty_frames", "too many empty frames that end nothing");
  }

  tinyFrame(): boolean {
    this.onTinyFrame();
    return this.#take(this.#tiny, "tiny_frames", "too many tiny DATA frames that complete nothing");
  }

  unknownFrame(): boolean {
    return this.#take(this.#unknown, "unknown_frames", "too many frames of unknown types");
  }

  windowUpdate(): boolean {
    this.#windowUpdates += 1;
    const most = 5 + 2 * (this.#streams + this.#limits.windowUpdatesPerDataFrame * this.#dataFrames);
    return this.#windowUpdates <= most || this.#exceeded("window_updates", "too many WINDOW_UPDATE frames");
  }

  priority(): boolean {
    this.#priorities += 1;
    const most = this.#limits.priorityFramesPerStream * (1 + this.#streams);
    return this.#priorities <= most || this.#exceeded("priority_frames", "too many PRIORITY frames");
  }

  oversizedBlock(): boolean {
    this.#oversizedBlocks += 1;
    const isWithin = this.#oversizedBlocks <= this.#limits.maxOversizedBlocks;
    return isWithin || this.#exceeded("oversized_blocks", "too many header lists above the limit");
  }

  #take(bucket: TokenBucket, limit: LimitName, message: string): boolean {
    return bucket.take(this.#clock.nowMs()) || this.#exceeded(limit, message);
  }

  #exceeded(limit: LimitName, message: string): false {
    this.#onExceeded(limit, message);
    return false;
  }
}
