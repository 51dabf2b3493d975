import { setMaxListeners } from "node:events";
import { Code } from "@connectrpc/connect";
import type { Timer } from "../base/clock.js";
import type {
  HeaderFields,
  Http2Connection,
  Http2Stream,
  LimitExceeded,
  StreamError,
  StreamHandler,
} from "../http2/types.js";
import { ErrorCode } from "../http2/types.js";
import { backoffMs, isRetriable } from "../route/retry-policy.js";
import type { RouteCall, RouteDecision } from "../route/route-table.js";
import type { MessageRoom } from "../rpc/message-room.js";
import { binaryFault, headersToFields, lookup } from "../rpc/metadata.js";
import type { RpcMethod } from "../rpc/method.js";
import { type RpcStatus, readResponseHeaders, readTrailers, statusOfStreamError } from "../rpc/status.js";
import { encodeTimeout } from "../rpc/timeout.js";
import type { CallDecision } from "./call-decision.js";
import type { Channel, RouteWaiter } from "./channel.js";
import type { ClusterHandle, PickWaiter } from "./cluster-handle.js";
import type { StreamWaiter, Subchannel } from "./subchannel.js";

/** What a caller may set on one call. */
export interface CallSettings {
  readonly headers?: HeadersInit | undefined;
  /** Milliseconds until the call fails with DEADLINE_EXCEEDED. Absent or 0: only the route's bound holds. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Forward = Extract<RouteDecision<ClusterHandle>, { kind: "forward" }>;

/**
 * The life of one call, whatever its kind: route, pick, attempt, retry, end.
 *
 * ```
 *   start -> route -> pick -> attempt -> end of the stream -> finish
 *              ^       ^ ^                    |
 *              |       | +---- backoff -------+  retriable, not committed
 *              |       +-- queue: no endpoint is connected, or no stream is free
 *              +-- queue: no configuration yet; or the cluster left the configuration
 * ```
 *
 * The object itself is the handler of its stream and a waiter of its queues, so that a call without surprises allocates
 * little and awaits nothing but its answer.
 */
export abstract class Call implements StreamHandler, RouteCall, RouteWaiter, PickWaiter, StreamWaiter {
  readonly path: string;
  protected readonly channel: Channel;
  protected readonly method: RpcMethod;
  protected stream: Http2Stream | undefined;
  protected responseHeaders: HeaderFields | undefined;
  protected responseTrailers: HeaderFields | undefined;
  protected isDone = false;
  /** How the request's messages are compressed; undefined when none is. */
  protected sendEncoding: string | undefined;
  /** The answer began to reach the caller, or too much was sent to send it again: no more attempts. */
  protected isCommitted = false;
  readonly #headers: string[] | undefined;
  readonly #startedAtMs: number;
  readonly #signal: AbortSignal | undefined;
  #deadlineAtMs = Number.POSITIVE_INFINITY;
  #deadline: Timer | undefined;
  #decision: Forward | undefined;
  #counted: ClusterHandle | undefined;
  #connection: Http2Connection | undefined;
  #subchannel: Subchannel | undefined;
  #lastSubchannel: Subchannel | undefined;
  #attempts = 0;
  #awaitedSubchannel: Subchannel | undefined;
  #tried: Set<Subchannel> | undefined;
  #retries = 0;
  #wasResent = false;
  #retryTimer: Timer | undefined;
  #tryTimer: Timer | undefined;
  #onAbort: (() => void) | undefined;

  protected constructor(channel: Channel, method: RpcMethod, settings: CallSettings) {
    this.channel = channel;
    this.method = method;
    this.path = method.path;
    this.#headers = settings.headers === undefined ? undefined : headersToFields(settings.headers);
    this.#signal = settings.signal;
    this.#startedAtMs = channel.dependencies.clock.nowMs();
    if (settings.timeoutMs !== undefined && settings.timeoutMs > 0) {
      this.#deadlineAtMs = this.#startedAtMs + settings.timeoutMs;
    }
  }

  /** What the server sent beside messages: headers and trailers, which are one when it sent no message. */
  protected get metadata(): HeaderFields {
    const { responseHeaders = [], responseTrailers = [] } = this;
    return responseHeaders === responseTrailers ? responseHeaders : [...responseHeaders, ...responseTrailers];
  }

  /** Where the memory of large answers is set aside: with those of the other calls on the connection. */
  get messageRoom(): MessageRoom {
    if (this.#connection === undefined) throw new Error("messageRoom: no attempt has begun");
    return this.channel.messageRoom(this.#connection);
  }

  /** Opens the stream on `connection` and sends what there is to send. Called once per attempt. */
  protected abstract sendRequest(connection: Http2Connection): void;
  /** Drops what the attempt received, before the next attempt. */
  protected abstract resetResponse(): void;
  /** Checks the answer of an attempt that ended with status OK; a status that is not OK fails it. */
  protected abstract checkResponse(): RpcStatus;
  /** The call ended. Called once, last. */
  protected abstract onFinished(status: RpcStatus): void;

  abstract onData(bytes: Uint8Array, endStream: boolean): void;
  abstract onWritable(): void;

  /** What was decided so far. Undefined until a route was found. */
  get decision(): CallDecision | undefined {
    const decision = this.#decision;
    if (decision === undefined) return undefined;
    return {
      routeName: decision.routeName,
      cluster: decision.clusterName,
      endpoint: this.#lastSubchannel?.endpoint.address ?? "",
      attempts: this.#attempts,
    };
  }

  /** Begins the call. Call once. */
  start(): void {
    const signal = this.#signal;
    if (signal !== undefined) {
      if (signal.aborted) {
        this.finish(abortStatus(signal));
        return;
      }
      this.#onAbort = () => this.cancel(abortStatus(signal));
      // Many calls may share a signal, which is no leak: each takes its listener away when it ends.
      setMaxListeners(0, signal);
      signal.addEventListener("abort", this.#onAbort);
    }
    this.#route();
  }

  /** Ends the call from this side. */
  cancel(status: RpcStatus): void {
    if (this.isDone) return;
    this.stream?.reset(ErrorCode.CANCEL);
    this.finish(status);
  }

  header(name: string): string | undefined {
    return this.#headers === undefined ? undefined : lookup(this.#headers, name);
  }

  onRoutes(): void {
    this.#route();
  }

  onPickerChange(): void {
    this.#pick();
  }

  onClusterRemoved(): void {
    this.#route();
  }

  onStreamFree(): void {
    const subchannel = this.#awaitedSubchannel;
    this.#awaitedSubchannel = undefined;
    if (subchannel !== undefined) this.#attempt(subchannel);
  }

  onConnectionLost(): void {
    this.#awaitedSubchannel = undefined;
    this.#pick();
  }

  onHeaders(fields: HeaderFields, endStream: boolean): void {
    if (this.responseHeaders === undefined) {
      this.responseHeaders = fields;
      if (endStream) this.responseTrailers = fields;
      const head = readResponseHeaders(fields);
      const fault = head.kind === "failed" ? undefined : binaryFault(fields);
      if (head.kind === "failed") this.endAttempt(head.status, false);
      else if (fault !== undefined) this.endAttempt({ code: Code.Internal, message: fault }, false);
      else this.onResponseHeaders(head.encoding);
    } else {
      this.responseTrailers = fields;
    }
  }

  /** The attempt's response headers are in order; messages are compressed with `encoding`. */
  protected abstract onResponseHeaders(encoding: string): void;

  onClose(error: StreamError | undefined): void {
    this.stream = undefined;
    if (this.isDone) return;
    const trailers = this.responseTrailers;
    if (trailers === undefined) {
      this.endAttempt(
        error === undefined
          ? { code: Code.Internal, message: "the server ended the stream without a status" }
          : statusOfStreamError(error),
        error?.unprocessed ?? false,
      );
      return;
    }
    const status = readTrailers(trailers);
    const fault = status.code === 0 ? binaryFault(trailers) : undefined;
    if (fault !== undefined) this.endAttempt({ code: Code.Internal, message: fault }, false);
    else this.endAttempt(status.code === 0 ? this.checkResponse() : status, false);
  }

  /** Tells that the server went over a limit. */
  protected tellLimit(exceeded: LimitExceeded): void {
    const { onLimit } = this.channel.dependencies;
    onLimit?.("client", this.#lastSubchannel?.endpoint.address ?? "", exceeded);
  }

  /** The request's fields beside the method's constant ones. */
  protected requestFields(): string[] | undefined {
    const hasDeadline = this.#deadlineAtMs !== Number.POSITIVE_INFINITY;
    if (!hasDeadline && this.#retries === 0 && this.sendEncoding === undefined) return this.#headers;
    const fields = this.#headers === undefined ? [] : [...this.#headers];
    if (hasDeadline) {
      const remainingMs = this.#deadlineAtMs - this.channel.dependencies.clock.nowMs();
      fields.push("grpc-timeout", encodeTimeout(Math.max(remainingMs, 0.001)));
    }
    if (this.sendEncoding !== undefined) fields.push("grpc-encoding", this.sendEncoding);
    if (this.#retries > 0) fields.push("grpc-previous-rpc-attempts", String(this.#retries));
    return fields;
  }

  /** Ends the present attempt; decides between an end of the call and another attempt. */
  protected endAttempt(status: RpcStatus, isUnprocessed: boolean, didConnectFail = false): void {
    if (this.isDone) return;
    const failed = this.#release();
    if (status.code !== 0 && !this.isCommitted) {
      if (isUnprocessed && !didConnectFail && !this.#wasResent) {
        // The server certainly did not see it: send it again at once, outside of the retry policy (gRFC A6).
        this.#wasResent = true;
        this.#again(failed, 0);
        return;
      }
      const delayMs = this.#retryDelayMs(status, isUnprocessed, didConnectFail);
      if (delayMs !== undefined) {
        this.#retries += 1;
        this.#again(failed, delayMs);
        return;
      }
    }
    this.finish(status);
  }

  /** Ends the call; nothing follows. */
  protected finish(status: RpcStatus): void {
    if (this.isDone) return;
    this.isDone = true;
    this.#release();
    this.channel.stopWaiting(this);
    this.#decision?.cluster.stopWaiting(this);
    this.#awaitedSubchannel?.stopWaiting(this);
    this.#deadline?.cancel();
    this.#retryTimer?.cancel();
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#uncount();
    this.onFinished(status);
  }

  #route(): void {
    const { routes, failure } = this.channel;
    if (routes === undefined) {
      if (failure !== undefined) {
        this.finish({ code: Code.Unavailable, message: failure });
        return;
      }
      this.#armDeadline();
      this.channel.wait(this);
      return;
    }
    const decision = routes.match(this, this.channel.dependencies.rng);
    switch (decision.kind) {
      case "forward":
        this.#decision = decision;
        if (decision.timeoutMs !== undefined) {
          this.#deadlineAtMs = Math.min(this.#deadlineAtMs, this.#startedAtMs + decision.timeoutMs);
        }
        this.#armDeadline();
        if (!this.isDone) this.#admit(decision.cluster);
        return;
      case "respond":
        this.finish({ code: decision.code, message: decision.message });
        return;
      case "reject":
        this.finish({ code: Code.Unavailable, message: decision.message });
        return;
      default:
        decision satisfies never;
    }
  }

  #admit(cluster: ClusterHandle): void {
    this.#uncount();
    if (cluster.activeCalls >= cluster.maxCalls) {
      this.finish({
        code: Code.Unavailable,
        message: `cluster "${cluster.name}": circuit breaker open: ${cluster.maxCalls} calls are in flight`,
      });
      return;
    }
    cluster.activeCalls += 1;
    this.#counted = cluster;
    this.#pick();
  }

  #uncount(): void {
    if (this.#counted !== undefined) this.#counted.activeCalls -= 1;
    this.#counted = undefined;
  }

  #pick(): void {
    if (this.isDone || this.#decision === undefined) return;
    const { cluster } = this.#decision;
    if (cluster.isRemoved) {
      this.#route();
      return;
    }
    const result = cluster.pick(this.#tried);
    switch (result.kind) {
      case "complete":
        this.#attempt(result.endpoint);
        return;
      case "queue":
        cluster.wait(this);
        return;
      case "fail":
        this.endAttempt(
          { code: Code.Unavailable, message: `cluster "${cluster.name}": ${result.message}` },
          true,
          true,
        );
        return;
      case "drop":
        this.finish({ code: Code.Unavailable, message: `cluster "${cluster.name}": ${result.message}` });
        return;
      default:
        result satisfies never;
    }
  }

  #attempt(subchannel: Subchannel): void {
    if (this.isDone) return;
    const { connection } = subchannel;
    if (connection === undefined || connection.isDraining) {
      // The connection went away in this turn; the picker that follows knows.
      this.#decision?.cluster.wait(this);
      return;
    }
    if (!connection.canOpenStream) {
      this.#awaitedSubchannel = subchannel;
      subchannel.waitForStream(this);
      return;
    }
    this.#subchannel = subchannel;
    this.#lastSubchannel = subchannel;
    this.#attempts += 1;
    subchannel.inFlight += 1;
    const perTryTimeoutMs = this.#decision?.retry?.perTryTimeoutMs;
    if (perTryTimeoutMs !== undefined) {
      this.#tryTimer = this.channel.dependencies.clock.setTimer(perTryTimeoutMs, () =>
        this.#onTryTimeout(perTryTimeoutMs),
      );
    }
    this.#connection = connection;
    this.sendRequest(connection);
  }

  #onTryTimeout(perTryTimeoutMs: number): void {
    if (this.isCommitted) return;
    // Envoy counts a per-try timeout as an upstream failure, so UNAVAILABLE conditions cover it.
    this.endAttempt({ code: Code.Unavailable, message: `the attempt took longer than ${perTryTimeoutMs} ms` }, false);
  }

  /** Lets go of the attempt's stream and endpoint. */
  #release(): Subchannel | undefined {
    this.#tryTimer?.cancel();
    this.#tryTimer = undefined;
    this.stream?.reset(ErrorCode.CANCEL);
    this.stream = undefined;
    const subchannel = this.#subchannel;
    if (subchannel !== undefined) subchannel.inFlight -= 1;
    this.#subchannel = undefined;
    return subchannel;
  }

  #retryDelayMs(status: RpcStatus, isUnprocessed: boolean, didConnectFail: boolean): number | undefined {
    const policy = this.#decision?.retry;
    if (policy === undefined || this.#retries >= policy.maxRetries) return undefined;
    if (!isRetriable(policy, { code: status.code, unprocessed: isUnprocessed, connectFailed: didConnectFail })) {
      return undefined;
    }
    // gRFC A6: the server may ask for a delay, or, with anything that is not a number of milliseconds, for no retry.
    const pushback = this.responseTrailers && lookup(this.responseTrailers, "grpc-retry-pushback-ms");
    if (pushback !== undefined) return /^\d{1,9}$/.test(pushback) ? Number(pushback) : undefined;
    return backoffMs(policy, this.#retries + 1, this.channel.dependencies.rng);
  }

  #again(failed: Subchannel | undefined, delayMs: number): void {
    if (failed !== undefined && this.#decision?.retry?.avoidPreviousHosts !== false) {
      this.#tried ??= new Set();
      this.#tried.add(failed);
    }
    this.responseHeaders = undefined;
    this.responseTrailers = undefined;
    this.resetResponse();
    if (delayMs === 0) this.#pick();
    else this.#retryTimer = this.channel.dependencies.clock.setTimer(delayMs, () => this.#pick());
  }

  #armDeadline(): void {
    if (this.#deadlineAtMs === Number.POSITIVE_INFINITY) return;
    this.#deadline?.cancel();
    const { clock } = this.channel.dependencies;
    this.#deadline = clock.setTimer(this.#deadlineAtMs - clock.nowMs(), () => {
      this.cancel({ code: Code.DeadlineExceeded, message: "the operation timed out" });
    });
  }
}

function abortStatus(signal: AbortSignal): RpcStatus {
  const { reason } = signal;
  const isTimeout = reason instanceof Error && reason.name === "TimeoutError";
  return isTimeout
    ? { code: Code.DeadlineExceeded, message: "the operation timed out" }
    : { code: Code.Canceled, message: "the operation was aborted" };
}
