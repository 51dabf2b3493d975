import type { Clock } from "../base/clock.js";
import type { Rng } from "../base/rng.js";
import { WorkTurn } from "../base/work-turn.js";
import { DataScheduler } from "./data-scheduler.js";
import type { FrameEvents } from "./frame-events.js";
import { FrameHandler } from "./frame-handler.js";
import { FrameWriter } from "./frame-writer.js";
import { http2Limits } from "./limit-presets.js";
import type { Http2Limits, LimitName } from "./limits.js";
import { PeerBudgets } from "./peer-budgets.js";
import { Pings } from "./pings.js";
import { ReadGate } from "./read-gate.js";
import { ReceiveWindows } from "./receive-windows.js";
import { defaultPeerSettings, firstSettings, type PeerSettings, Setting } from "./settings.js";
import { Shutdown, type ShutdownOwner } from "./shutdown.js";
import type { StreamState } from "./stream.js";
import { Streams } from "./streams.js";
import { Timeouts, type TimeoutsOwner } from "./timeouts.js";
import {
  type ConnectionError,
  type ConnectionHandler,
  ErrorCode,
  errorName,
  type HeaderFields,
  type HeaderTemplate,
  type Http2Connection,
  type Http2Options,
  type Http2Stream,
  type StreamError,
  type StreamHandler,
} from "./types.js";
import { WaitingStreams, type WaitingStreamsOwner } from "./waiting-streams.js";

// So much, three full frames, leaves before the turn is over: the peer can begin with it while we go on, and a system call
// costs little beside it.
const MUCH_OUTPUT_BYTES = 49_152;

/** What {@link createHttp2Connection} makes a connection of. */
export interface ConnectionInit {
  readonly role: "client" | "server";
  readonly clock: Clock;
  readonly rng: Rng;
  readonly handler: ConnectionHandler;
  readonly options: Http2Options;
}

/** Makes a connection and queues what it says first. */
export function createHttp2Connection(init: ConnectionInit): Http2Connection {
  return new Connection(init);
}

/**
 * Both roles of RFC 9113: the place where those who read ({@link ReadGate}, {@link FrameHandler}), those who write
 * ({@link DataScheduler}, {@link FrameWriter}), the {@link Streams}, those who watch the peer ({@link PeerBudgets},
 * {@link Timeouts}) and the orderly end ({@link Shutdown}) are joined.
 */
class Connection implements Http2Connection, FrameEvents, TimeoutsOwner, WaitingStreamsOwner, ShutdownOwner {
  readonly role: "client" | "server";
  readonly limits: Http2Limits;
  readonly budgets: PeerBudgets;
  readonly peer: PeerSettings;
  isClosed = false;
  lastPeerStreamId = 0;
  lastLocalStreamId = 0;
  readonly #clock: Clock;
  readonly #handler: ConnectionHandler;
  readonly #writer: FrameWriter;
  readonly #scheduler: DataScheduler;
  readonly #sendTurn: WorkTurn;
  readonly #gate: ReadGate;
  readonly #frames: FrameHandler;
  readonly #windows: ReceiveWindows;
  readonly #timeouts: Timeouts;
  readonly #pings: Pings;
  readonly #streams: Streams;
  readonly #waiting: WaitingStreams;
  readonly #shutdown: Shutdown;
  #isSignalled = false;
  /** The end of a stream whose handler was not known yet. */
  #unheardEnd: StreamError | undefined;
  /** Streams of ours above this were never handed to the transport. */
  #takenStreamId = 0;
  /** A socket may take all at once and ask for more in the same turn: others must get theirs in between (A19). */
  readonly #refill = (): void => {
    if (this.#sendTurn.isOver()) this.#sendTurn.next(this.#refill);
    else this.#scheduler.pump();
  };

  constructor({ role, clock, rng, handler, options }: ConnectionInit) {
    const limits = http2Limits(options);
    this.role = role;
    this.limits = limits;
    this.#clock = clock;
    this.#handler = handler;
    this.#writer = new FrameWriter(limits.headerTableBytes);
    this.#pings = new Pings(this.#writer, clock, limits);
    this.peer = defaultPeerSettings(role === "client" ? limits.maxStreamsBeforeSettings : 0);
    this.budgets = new PeerBudgets(limits, clock, (limit, message) => {
      this.exceed(limit, ErrorCode.ENHANCE_YOUR_CALM, message);
    });
    this.#windows = new ReceiveWindows(limits, clock, {
      // Made later than this.
      streams: () => this.streams,
      sendWindowUpdate: (streamId, byteCount) => {
        if (this.isClosed) return;
        this.#writer.windowUpdate(streamId, byteCount);
        this.signal();
      },
      sendInitialWindow: (byteCount) => this.#sendSettings([[Setting.INITIAL_WINDOW_SIZE, byteCount]]),
      sendPing: (onAck) => this.ping(onAck),
    });
    this.#scheduler = new DataScheduler(this.#writer, limits, {
      onLocalEnd: (stream) => this.#streams.localEnd(stream),
      onWritten: () => {
        this.budgets.dataSent();
        this.#pings.sent();
        this.#waiting.sent();
        this.signal();
        if (this.#writer.output.byteCount >= MUCH_OUTPUT_BYTES) handler.onMuchOutput?.();
      },
      onWaiting: (stream) => this.#timeouts.waiting(stream),
    });
    this.#sendTurn = new WorkTurn(clock, limits.maxTurnMs);
    this.#waiting = new WaitingStreams(this.#scheduler, limits, clock, this);
    this.#timeouts = new Timeouts(this, clock, rng, limits);
    this.#shutdown = new Shutdown(this, this.#writer, this.#timeouts);
    this.#streams = new Streams({
      limits,
      writer: this.#writer,
      scheduler: this.#scheduler,
      windows: this.#windows,
      budgets: this.budgets,
      pings: this.#pings,
      timeouts: this.#timeouts,
      signal: () => this.signal(),
      onEnded: () => this.#onStreamEnded(),
    });
    this.#frames = new FrameHandler(this);
    this.#gate = new ReadGate(this.#frames, this.#writer.output, this.budgets, limits, clock, {
      role,
      onRead: () => {
        this.#timeouts.received();
        if (this.#scheduler.isWaiting) this.#scheduler.pump();
      },
      onReadable: () => {
        this.#timeouts.readable();
        handler.onReadable?.();
      },
    });
    this.#sayHello();
    this.#timeouts.start();
  }

  get streams(): ReadonlyMap<number, StreamState> {
    return this.#streams.open;
  }

  get openStreams(): number {
    return this.streams.size;
  }

  get isDraining(): boolean {
    return this.#shutdown.isBegun || this.isClosed;
  }

  get canOpenStream(): boolean {
    return (
      this.role === "client" &&
      !this.isDraining &&
      this.streams.size < this.peer.maxConcurrentStreams &&
      this.lastLocalStreamId < this.limits.maxStreamId
    );
  }

  get isReadPaused(): boolean {
    return this.#gate.isHeld;
  }

  get isInHeaderBlock(): boolean {
    return this.#frames.isInHeaderBlock || this.#gate.isInControlFrame;
  }

  receive(bytes: Uint8Array): void {
    if (this.isClosed) return;
    const chunk = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const rest = this.#frames.readPreface(chunk);
    if (rest !== undefined) this.#gate.read(rest);
  }

  transportClosed(error: Error | undefined): void {
    if (this.isClosed) return;
    const isOrderly = error === undefined && this.streams.size === 0;
    const what = error === undefined ? "the peer closed the connection" : `connection lost: ${error.message}`;
    // The cause was told before, by GOAWAY.
    const { peerError } = this.#shutdown;
    const message = peerError === undefined ? what : `${what}; before that, ${peerError.message}`;
    this.end(isOrderly ? undefined : { code: ErrorCode.CONNECT_ERROR, origin: "remote", message }, true);
  }

  takeWritten(write: (bytes: Uint8Array) => void): void {
    this.#takenStreamId = this.lastLocalStreamId;
    this.#writer.output.take(write);
  }

  outputLeft(): void {
    this.#writer.output.reuse();
  }

  takeOutput(write: (bytes: Uint8Array) => void): void {
    this.#isSignalled = false;
    this.takeWritten(write);
    if (this.#scheduler.isWaiting) this.#refill();
    this.#gate.outputTaken();
  }

  openStream(
    template: HeaderTemplate,
    extra: HeaderFields | undefined,
    endStream: boolean,
    handler: StreamHandler,
  ): Http2Stream {
    if (!this.canOpenStream) throw new Error("openStream: ask canOpenStream first");
    const id = this.lastLocalStreamId === 0 ? 1 : this.lastLocalStreamId + 2;
    this.lastLocalStreamId = id;
    const stream = this.#streams.add(id, this.#gate.turn);
    stream.handler = handler;
    this.#streams.writeHeaders(stream, template, extra, endStream);
    // Stream ids run out one day: the next stream takes a new connection. Later, for the caller is not done here.
    if (id >= this.limits.maxStreamId) this.#clock.defer(() => this.#drainWornOut(id));
    return stream;
  }

  ping(onAck: () => void): void {
    if (this.isClosed) return;
    this.#pings.send(onAck);
    this.signal();
  }

  drain(): void {
    if (!this.isDraining) this.#shutdown.begin();
  }

  close(code: ErrorCode, message: string): void {
    if (this.isClosed) return;
    this.#shutdown.sayGoodbye(code, message);
    this.end({ code, origin: "user", message });
  }

  // ---- FrameEvents: what the peer does

  get isAccepting(): boolean {
    return this.#shutdown.isAccepting;
  }

  get hasRoom(): boolean {
    return this.#streams.hasRoom;
  }

  peerOpened(id: number, fields: HeaderFields, endStream: boolean): StreamState {
    const stream = this.#streams.add(id, this.#gate.turn);
    stream.didReceiveHeaders = true;
    this.#waiting.accept(stream, fields, endStream);
    this.#gate.streamOpened();
    if (id > this.limits.maxStreamId) this.#drainWornOut(id);
    return stream;
  }

  serve(stream: StreamState, fields: HeaderFields, endStream: boolean): StreamHandler {
    const handler = this.#handler.onStream(stream, fields, endStream);
    stream.handler = handler;
    // It closed the connection before it said who hears of that.
    if (this.#unheardEnd !== undefined) handler.onClose(this.#unheardEnd);
    this.#unheardEnd = undefined;
    return handler;
  }

  dataReceived(byteCount: number): boolean {
    return this.#windows.receive(byteCount);
  }

  dataReceivedOn(stream: StreamState, byteCount: number): boolean {
    this.#timeouts.active(stream);
    return this.#windows.receiveOn(stream, byteCount);
  }

  giveBackUnused(byteCount: number): void {
    this.#windows.giveBack(byteCount);
  }

  remoteEnd(stream: StreamState): void {
    this.#streams.remoteEnd(stream);
  }

  peerReset(stream: StreamState, code: number): void {
    const hadTurn = stream.turn !== this.#gate.turn;
    if (this.role === "server" && !this.budgets.peerReset(hadTurn)) return;
    // RFC 9113 section 8.1: after a complete response, NO_ERROR only says that the rest of the request is not wanted.
    const isOrderly = this.role === "client" && code === ErrorCode.NO_ERROR && stream.didRemoteEnd;
    const message = `the peer reset the stream with ${errorName(code)}`;
    const unprocessed = code === ErrorCode.REFUSED_STREAM;
    const isEarned = hadTurn && !this.#waiting.has(stream);
    this.#streams.end(stream, isOrderly ? undefined : { code, origin: "remote", message, unprocessed }, isEarned);
  }

  windowUpdated(stream: StreamState | undefined, increment: number): void {
    if (stream === undefined) {
      if (this.#scheduler.growConnection(increment)) return;
      return this.fail(ErrorCode.FLOW_CONTROL_ERROR, "connection window exceeds 2^31-1");
    }
    this.#timeouts.active(stream);
    if (this.#scheduler.grow(stream, increment)) return;
    // RFC 9113 section 6.9.1 leaves no choice but a stream error; the reset is charged to the peer.
    this.failStream(stream.id, ErrorCode.FLOW_CONTROL_ERROR, "the stream's window exceeds 2^31-1");
  }

  settingsChanged(): void {
    const { peer } = this;
    this.#timeouts.handshaken();
    this.#writer.maxFrameBytes = peer.maxFrameBytes;
    // RFC 7541 section 4.2: the smallest size on the way counts as well, for it evicted entries at the peer.
    this.#writer.encoder.setMaxTableBytes(peer.smallestHeaderTableBytes);
    this.#writer.encoder.setMaxTableBytes(peer.headerTableBytes);
    peer.smallestHeaderTableBytes = peer.headerTableBytes;
    if (!this.#scheduler.setInitialWindow(peer.initialWindowBytes, this.streams.values())) {
      return this.fail(ErrorCode.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE lifts a stream's window above 2^31-1");
    }
    this.#writer.settingsAck();
    this.#reply();
    if (!this.isClosed) this.#handler.onCapacity();
  }

  settingsAcked(): void {
    if (!this.#timeouts.settingsAcked()) this.budgets.control("an acknowledgement of SETTINGS that were not sent");
    else this.#windows.acknowledged();
  }

  pinged(payload: Uint8Array, start: number): void {
    if (!this.budgets.control("PING")) return;
    if (this.role === "server" && !this.#pings.received(this.streams.size > 0)) {
      this.tellLimit("ping_strikes", "PINGs come too often");
      return this.fail(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings");
    }
    this.#writer.ping(payload, start, true);
    this.#reply();
  }

  pingAcked(payload: Uint8Array, start: number): void {
    if (!this.#pings.acked(payload, start)) this.budgets.control("an acknowledgement of a PING that was not sent");
  }

  peerGoAway(lastStreamId: number, code: number, debug: string): void {
    const reason = this.#shutdown.peerGoAway(code, debug);
    if (this.role === "client") this.#streams.refuseAbove(lastStreamId, reason);
    if (this.isClosed) return;
    this.#handler.onCapacity();
    this.#shutdown.endIfDone();
  }

  wasReset(id: number): boolean {
    return this.#streams.wasReset(id);
  }

  tellLimit(limit: LimitName, message: string): void {
    this.#handler.onLimit?.({ limit, message });
  }

  exceed(limit: LimitName, code: ErrorCode, message: string): void {
    if (this.isClosed) return;
    this.tellLimit(limit, message);
    this.fail(code, message);
  }

  fail(code: ErrorCode, message: string): void {
    if (this.isClosed) return;
    this.#shutdown.sayGoodbye(code, message);
    this.end({ code, origin: "library", message });
  }

  failStream(id: number, code: ErrorCode, message: string): void {
    // A stream is also refused for those that were reset while their handlers go on: that is the price of resets.
    const isFull = this.streams.size >= this.limits.maxConcurrentStreams;
    const isRefused = code === ErrorCode.REFUSED_STREAM && (isFull || !this.isAccepting);
    if (!(isRefused ? this.budgets.streamRefused() : this.budgets.rapidReset())) return;
    this.#failStream(id, code, message);
  }

  // ---- TimeoutsOwner

  drainNow(): void {
    this.#shutdown.sayFinal();
  }

  exceedOn(stream: StreamState, limit: LimitName, message: string): void {
    this.tellLimit(limit, `stream ${stream.id}: ${message}`);
    this.#failStream(stream.id, ErrorCode.CANCEL, message);
  }

  // ---- ShutdownOwner

  onDraining(): void {
    this.#handler.onCapacity();
  }

  /** `isTransportGone`: what is still in the output will never leave, so streams that begin there were never sent. */
  end(error: ConnectionError | undefined, isTransportGone = false): void {
    this.isClosed = true;
    this.#timeouts.stop();
    this.#gate.stop();
    for (const stream of this.#streams.closeAll()) {
      const end: StreamError = {
        code: error?.code ?? ErrorCode.NO_ERROR,
        origin: error?.origin ?? "library",
        message: error?.message ?? "the connection was closed",
        unprocessed: isTransportGone && this.role === "client" && stream.id > this.#takenStreamId,
      };
      if (stream.handler === undefined) this.#unheardEnd = end;
      else stream.handler.onClose(end);
    }
    this.#handler.onClose(error);
  }

  signal(): void {
    if (this.#isSignalled) return;
    this.#isSignalled = true;
    this.#handler.onOutput();
  }

  // ---- the rest

  #sayHello(): void {
    if (this.role === "client") this.#writer.preface();
    this.#sendSettings(firstSettings(this.role, this.limits, this.#windows.firstStreamBytes));
    if (this.#windows.firstGrant > 0) this.#writer.windowUpdate(0, this.#windows.firstGrant);
  }

  #sendSettings(entries: readonly (readonly [id: number, value: number])[]): void {
    if (this.isClosed) return;
    this.#writer.settings(entries);
    this.#timeouts.settingsSent();
    this.signal();
  }

  #failStream(id: number, code: ErrorCode, message: string): void {
    const stream = this.streams.get(id);
    this.#streams.writeReset(id, code);
    this.#reply();
    // The reply too many ended the connection, and with it this stream.
    if (stream === undefined || stream.isClosed) return;
    const unprocessed = code === ErrorCode.REFUSED_STREAM;
    this.#streams.end(stream, { code, origin: "library", message, unprocessed }, false);
  }

  #drainWornOut(id: number): void {
    if (this.isDraining) return;
    this.tellLimit("stream_ids", `stream ${id} is the last of this connection`);
    this.drain();
  }

  #onStreamEnded(): void {
    if (this.isClosed) return;
    this.#waiting.sent();
    if (this.isDraining) return this.#shutdown.endIfDone();
    if (this.role === "client" && this.streams.size + 1 >= this.peer.maxConcurrentStreams) this.#handler.onCapacity();
  }

  /** Counts a frame that the peer made us send. While it does not read them, it is not read from either. */
  #reply(): void {
    this.#gate.replied();
    this.signal();
    const { pendingReplies } = this.#gate;
    if (pendingReplies <= this.limits.maxReplies) return;
    const message = `${pendingReplies} replies wait for the peer to read them`;
    this.exceed("pending_replies", ErrorCode.ENHANCE_YOUR_CALM, message);
  }
}
