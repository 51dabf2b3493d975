import { create, fromBinary, type JsonObject, toBinary } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
  ResourceSchema,
} from "@meshwright/proto/envoy/service/discovery/v3/discovery_pb";
import type { Clock, Timer } from "../base/clock.js";
import type { Rng } from "../base/rng.js";
import type { AdsStream, AdsTransport } from "./ads-transport.js";
import type { BootstrapNode } from "./bootstrap.js";
import { ResourceCache, type ResourceState } from "./resource-cache.js";
import { peekName, RESOURCE_TYPES, type ResourceType } from "./resource-types.js";

/** What the ADS client tells of its life. */
export type AdsEvent =
  | { readonly kind: "connected" }
  | { readonly kind: "disconnected"; readonly reason: string }
  | { readonly kind: "rejected"; readonly type: string; readonly version: string; readonly message: string };

/** What an {@link AdsClient} is built from. */
export interface AdsClientOptions {
  readonly node: BootstrapNode;
  readonly transport: AdsTransport;
  readonly clock: Clock;
  readonly rng: Rng;
  onEvent(event: AdsEvent): void;
  /** The reason why there is no stream came or went. */
  onFailureChange(): void;
}

/** The state of one type on the present stream. */
interface TypeState {
  readonly cache: ResourceCache;
  /** Last accepted version; it outlives streams. */
  version: string;
  /** Last nonce of this stream. */
  nonce: string;
  /** Names of the last request, as one string; undefined before the first of this stream. */
  sentNames: string | undefined;
  mustAck: boolean;
  error: string | undefined;
  readonly absenceTimers: Map<string, Timer>;
  /** Runs while resources that nobody wants are kept. */
  forgetTimer: Timer | undefined;
}

// gRFC A57: how long a server may take to send a resource that it was asked for.
const ABSENCE_MS = 15_000;
// How long a response that crosses a request may be under way.
const CROSSING_MS = 15_000;
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_MULTIPLIER = 1.6;
const BACKOFF_MAX_MS = 120_000;
const BACKOFF_JITTER = 0.2;
const INVALID_ARGUMENT = 3;
const RESOURCE_WRAPPER = "type.googleapis.com/envoy.service.discovery.v3.Resource";

/**
 * State-of-the-world ADS over one stream (gRFC A27, xDS transport protocol).
 *
 * ```
 *   idle --first watch--> opening --onOpen--> open --onClose--> waiting --backoff--> opening
 *    ^                                          |   (at once when a response had come)
 *    +----------------- last watch ended -------+
 * ```
 */
export class AdsClient {
  readonly #options: AdsClientOptions;
  readonly #types: ReadonlyMap<string, TypeState>;
  #stream: AdsStream | undefined;
  #isOpen = false;
  #didRespond = false;
  #didSendNode = false;
  #failures = 0;
  #backoff: Timer | undefined;
  #isFlushQueued = false;
  #isClosed = false;
  #failure: string | undefined;

  constructor(options: AdsClientOptions) {
    this.#options = options;
    this.#types = new Map(
      RESOURCE_TYPES.map((type) => [
        type.typeUrl,
        {
          cache: new ResourceCache(type),
          version: "",
          nonce: "",
          sentNames: undefined,
          mustAck: false,
          error: undefined,
          absenceTimers: new Map(),
          forgetTimer: undefined,
        },
      ]),
    );
  }

  /** Why there is no stream. Undefined while there is one, or while the first is being opened. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Every resource that is asked for, by type. */
  get states(): ReadonlyMap<string, ReadonlyMap<string, ResourceState<unknown>>> {
    return new Map([...this.#types.values()].map(({ cache }) => [cache.type.label, cache.states]));
  }

  /** Asks for a resource and reads what is known of it; `onChange` is called when that changes. */
  watch<T>(type: ResourceType<T>, name: string, onChange: () => void): ResourceState<T> {
    const { cache } = this.#typeState(type);
    if (cache.watch(name, onChange)) this.#queueFlush();
    // The cache of a type holds what this type decoded.
    return cache.state(name) as ResourceState<T>;
  }

  /** Ends an interest. */
  unwatch(type: ResourceType<unknown>, name: string, onChange: () => void): void {
    const state = this.#typeState(type);
    if (state.cache.unwatch(name, onChange)) this.#queueFlush();
  }

  /** Ends the stream for good. */
  close(): void {
    this.#isClosed = true;
    this.#backoff?.cancel();
    this.#cancelTimers();
    this.#stream?.close();
    this.#stream = undefined;
  }

  #typeState(type: ResourceType<unknown>): TypeState {
    const state = this.#types.get(type.typeUrl);
    if (state === undefined) throw new Error(`no state for ${type.typeUrl}`);
    return state;
  }

  /** Changes of one turn leave as one request per type. */
  #queueFlush(): void {
    if (this.#isFlushQueued || this.#isClosed) return;
    this.#isFlushQueued = true;
    this.#options.clock.defer(() => {
      this.#isFlushQueued = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isClosed) return;
    const isWanted = [...this.#types.values()].some(({ cache }) => cache.names.length > 0);
    if (!isWanted) return this.#closeIdle();
    if (this.#stream === undefined) {
      if (this.#backoff === undefined) this.#open();
      return;
    }
    if (!this.#isOpen) return;
    for (const state of this.#types.values()) this.#flushType(state);
  }

  #flushType(state: TypeState): void {
    const { cache } = state;
    const { names } = cache;
    if (names.length === 0 && state.sentNames === undefined) return this.#forgetUnwatched(state);
    if (names.length === 0 && cache.type.isComplete) {
      // For listeners and clusters an empty list would ask for everything (facts of istiod and go-control-plane), so the
      // last ones stay subscribed and cached.
      if (state.mustAck) this.#send(state, listNames(state.sentNames));
      return;
    }
    const key = names.join("\n");
    if (state.error !== undefined) {
      // istiod takes no new names from a request that carries an error, so they follow in one of their own.
      this.#send(state, listNames(state.sentNames));
    }
    const isDue = state.mustAck || key !== state.sentNames;
    if (isDue) this.#send(state, names);
    // A complete response that crosses this request brings them again.
    if (cache.type.isComplete) this.#forgetUnwatched(state);
    else if (isDue) this.#keepUnwatched(state);
  }

  /**
   * Keeps what was given up for as long as a response may be under way that makes the last request stale: a server
   * ignores such a request, takes the names for subscribed, and sends nothing when they come back. Every response is
   * acknowledged, which starts the time anew. A name that comes back meanwhile has its last value until the server,
   * if it took note of the departure, sends it afresh.
   */
  #keepUnwatched(state: TypeState): void {
    this.#cancelUnwatched(state);
    state.forgetTimer?.cancel();
    state.forgetTimer = undefined;
    if (state.cache.unwatched.length === 0) return;
    state.forgetTimer = this.#options.clock.setTimer(CROSSING_MS, () => {
      state.forgetTimer = undefined;
      state.cache.forgetUnwatched();
    });
  }

  #forgetUnwatched(state: TypeState): void {
    this.#cancelUnwatched(state);
    state.cache.forgetUnwatched();
  }

  #cancelUnwatched({ cache, absenceTimers }: TypeState): void {
    for (const name of cache.unwatched) {
      absenceTimers.get(name)?.cancel();
      absenceTimers.delete(name);
    }
  }

  #send(state: TypeState, names: string[]): void {
    const { error } = state;
    const request = create(DiscoveryRequestSchema, {
      typeUrl: state.cache.type.typeUrl,
      versionInfo: state.version,
      responseNonce: state.nonce,
      resourceNames: names,
      ...(this.#didSendNode ? {} : { node: nodeMessage(this.#options.node) }),
      ...(error === undefined ? {} : { errorDetail: { code: INVALID_ARGUMENT, message: error } }),
    });
    this.#didSendNode = true;
    state.error = undefined;
    state.mustAck = false;
    state.sentNames = names.join("\n");
    this.#stream?.send(toBinary(DiscoveryRequestSchema, request));
    for (const name of names) this.#expect(state, name);
  }

  #expect(state: TypeState, name: string): void {
    if (state.absenceTimers.has(name) || state.cache.state(name)?.kind !== "requested") return;
    const timer = this.#options.clock.setTimer(ABSENCE_MS, () => {
      state.absenceTimers.delete(name);
      state.cache.giveUp(name);
    });
    state.absenceTimers.set(name, timer);
  }

  #open(): void {
    this.#didRespond = false;
    this.#didSendNode = false;
    this.#isOpen = false;
    for (const state of this.#types.values()) {
      state.nonce = "";
      state.sentNames = undefined;
      state.mustAck = false;
      state.error = undefined;
      this.#forgetUnwatched(state);
    }
    const stream = this.#options.transport.open({
      onOpen: () => {
        if (this.#stream !== stream) return;
        this.#isOpen = true;
        this.#options.onEvent({ kind: "connected" });
        this.#flush();
      },
      onMessage: (bytes) => {
        if (this.#stream === stream) this.#onResponse(bytes);
      },
      onClose: (reason) => {
        if (this.#stream === stream) this.#onClose(reason);
      },
    });
    this.#stream = stream;
  }

  #closeIdle(): void {
    this.#backoff?.cancel();
    this.#backoff = undefined;
    this.#cancelTimers();
    this.#failure = undefined;
    for (const state of this.#types.values()) {
      this.#forgetUnwatched(state);
      // A version claimed on the next stream would let the server hold back what it sent before.
      state.version = "";
    }
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.close();
  }

  #onClose(reason: string): void {
    this.#stream = undefined;
    this.#isOpen = false;
    this.#cancelTimers();
    this.#options.onEvent({ kind: "disconnected", reason });
    if (this.#didRespond) {
      // gRFC A57: a stream that had answered is no failure; the next one is opened at once.
      this.#failures = 0;
      this.#queueFlush();
      return;
    }
    this.#failure = reason;
    this.#options.onFailureChange();
    const ceilingMs = Math.min(BACKOFF_BASE_MS * BACKOFF_MULTIPLIER ** this.#failures, BACKOFF_MAX_MS);
    this.#failures += 1;
    this.#backoff = this.#options.clock.setTimer(
      ceilingMs * (1 + BACKOFF_JITTER * (2 * this.#options.rng() - 1)),
      () => {
        this.#backoff = undefined;
        this.#queueFlush();
      },
    );
  }

  #cancelTimers(): void {
    for (const state of this.#types.values()) {
      for (const timer of state.absenceTimers.values()) timer.cancel();
      state.absenceTimers.clear();
      state.forgetTimer?.cancel();
      state.forgetTimer = undefined;
    }
  }

  #onResponse(bytes: Uint8Array): void {
    let response: DiscoveryResponse;
    try {
      response = fromBinary(DiscoveryResponseSchema, bytes);
    } catch (error) {
      this.#stream?.close();
      // Not at once: the next stream would most likely bring the same bytes.
      this.#didRespond = false;
      this.#onClose(`a response can't be read: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    this.#didRespond = true;
    this.#failures = 0;
    if (this.#failure !== undefined) {
      this.#failure = undefined;
      this.#options.onFailureChange();
    }
    const state = this.#types.get(response.typeUrl);
    // Types that were not asked for on this stream are not ours to judge, and a claimed version would be of nothing.
    if (state === undefined || state.sentNames === undefined) return;
    state.nonce = response.nonce;
    state.mustAck = true;
    const complaints = this.#take(state, response);
    if (complaints.length === 0) {
      state.version = response.versionInfo;
    } else {
      const nodeId = this.#options.node.id;
      state.error = `${complaints.join("; ")} [xds node id: ${nodeId}]`;
      this.#options.onEvent({
        kind: "rejected",
        type: state.cache.type.label,
        version: response.versionInfo,
        message: state.error,
      });
    }
    // In the same turn as the subscriptions that these resources lead to.
    this.#queueFlush();
  }

  #take({ cache, absenceTimers }: TypeState, response: DiscoveryResponse): string[] {
    const complaints: string[] = [];
    const received = new Set<string>();
    let isEveryNameKnown = true;
    for (const any of response.resources) {
      const resource = unwrap(any);
      const name = resource?.name || (resource?.body && peekName(resource.body.value));
      if (resource === undefined || name === undefined) {
        complaints.push(`${cache.type.label}: a resource can't be read`);
        isEveryNameKnown = false;
        continue;
      }
      if (resource.body === undefined) {
        // A heartbeat of the version that was sent before.
        received.add(name);
        continue;
      }
      if (resource.body.typeUrl !== cache.type.typeUrl) {
        isEveryNameKnown = false;
        complaints.push(
          `${cache.type.label} "${name}": found type ${resource.body.typeUrl}, expected ${cache.type.typeUrl}`,
        );
        continue;
      }
      if (received.has(name)) {
        complaints.push(`${cache.type.label} "${name}" comes twice in one response`);
        continue;
      }
      received.add(name);
      absenceTimers.get(name)?.cancel();
      absenceTimers.delete(name);
      const complaint = cache.receive(name, resource.body.value, response.versionInfo);
      if (complaint !== undefined) complaints.push(complaint);
    }
    // The resource that could not be read may be one that would seem deleted.
    if (cache.type.isComplete && isEveryNameKnown) cache.removeMissing(received);
    return complaints;
  }
}

function listNames(sentNames: string | undefined): string[] {
  return sentNames === undefined || sentNames === "" ? [] : sentNames.split("\n");
}

/** A resource, out of its wrapper when it came in one (client feature xds.config.resource-in-sotw). */
function unwrap(any: Any): { readonly name: string; readonly body: Any | undefined } | undefined {
  if (any.typeUrl !== RESOURCE_WRAPPER) return { name: "", body: any };
  try {
    const { name, resource } = fromBinary(ResourceSchema, any.value);
    return { name, body: resource };
  } catch {
    return undefined;
  }
}

function nodeMessage({ id, cluster, locality, metadata }: BootstrapNode) {
  return {
    id,
    cluster,
    ...(locality === undefined ? {} : { locality }),
    metadata: metadata as JsonObject,
    userAgentName: "meshwright",
    userAgentVersionType: { case: "userAgentVersion" as const, value: "0.1.0" },
    clientFeatures: ["envoy.lb.does_not_support_overprovisioning", "xds.config.resource-in-sotw"],
  };
}
