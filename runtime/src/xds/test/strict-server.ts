import { create, toBinary } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  type DiscoveryRequest,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "@meshwright/proto/envoy/service/discovery/v3/discovery_pb";
import { CDS, LDS } from "./resources.js";
import type { ScriptedAds, ScriptedStream } from "./scripted-ads.js";

/** What a {@link StrictServer} serves: resources by name, by type. */
export type World = ReadonlyMap<string, ReadonlyMap<string, Any>>;

/**
 * A state-of-the-world server that sends nothing twice, as istiod: a request with a stale nonce or an error is ignored
 * together with its names, an acknowledgement without new names gets no answer, and a change is sent once. Requests and
 * responses lie in queues, so that they cross.
 */
export interface StrictServer {
  /** Takes the requests that came. */
  serve(): void;
  /** Delivers one response. */
  deliver(): void;
  /** Whether nothing lies in a queue. */
  readonly isQuiet: boolean;
  /** Ends the stream. */
  kill(): void;
  /** Takes a new world and tells its subscriber. */
  change(world: World): void;
  /** Rules of the protocol that the client broke. */
  readonly offences: readonly string[];
}

interface Subscription {
  names: readonly string[];
  nonce: string;
  sent: ReadonlyMap<string, Any>;
}

/** Makes a {@link StrictServer} behind `ads`. */
export function createStrictServer(ads: ScriptedAds, initial: World): StrictServer {
  let world = initial;
  let stream: ScriptedStream | undefined;
  let subscriptions = new Map<string, Subscription>();
  let requests: DiscoveryRequest[] = [];
  let responses: DiscoveryResponse[] = [];
  let count = 0;
  const offences: string[] = [];

  const isComplete = (typeUrl: string) => typeUrl === LDS || typeUrl === CDS;

  const respond = (typeUrl: string, subscription: Subscription, wanted: ReadonlySet<string>): void => {
    const all = world.get(typeUrl);
    const current = new Map<string, Any>();
    for (const name of subscription.names) {
      const resource = all?.get(name);
      if (resource !== undefined) current.set(name, resource);
    }
    const isNews =
      [...current].some(([name, resource]) => wanted.has(name) || subscription.sent.get(name) !== resource) ||
      (isComplete(typeUrl) && [...subscription.sent.keys()].some((name) => !current.has(name)));
    if (!isNews && wanted.size === 0) return;
    const resources = [...current].filter(
      ([name, resource]) => isComplete(typeUrl) || wanted.has(name) || subscription.sent.get(name) !== resource,
    );
    if (resources.length === 0 && !isComplete(typeUrl)) return;
    count += 1;
    subscription.nonce = `n${count}`;
    subscription.sent = current;
    responses.push(
      create(DiscoveryResponseSchema, {
        typeUrl,
        versionInfo: String(count),
        nonce: subscription.nonce,
        resources: resources.map(([, resource]) => resource),
      }),
    );
  };

  const take = (request: DiscoveryRequest): void => {
    const { typeUrl, resourceNames, responseNonce, errorDetail } = request;
    if (isComplete(typeUrl) && resourceNames.length === 0) offences.push(`empty list of ${typeUrl}`);
    const known = subscriptions.get(typeUrl);
    if (known === undefined && responseNonce !== "") offences.push(`nonce of another stream for ${typeUrl}`);
    if (known !== undefined && (errorDetail !== undefined || responseNonce !== known.nonce)) return;
    const before = new Set(known?.names);
    const subscription = known ?? { names: [], nonce: "", sent: new Map() };
    subscriptions.set(typeUrl, subscription);
    subscription.names = resourceNames;
    subscription.sent = new Map([...subscription.sent].filter(([name]) => resourceNames.includes(name)));
    const added = new Set(resourceNames.filter((name) => !before.has(name)));
    if (added.size > 0) respond(typeUrl, subscription, added);
  };

  /** Follows the client to its newest stream. */
  const follow = (): void => {
    const newest = ads.streams.at(-1);
    if (newest === stream) return;
    stream = newest;
    subscriptions = new Map();
    requests = [];
    responses = [];
    stream?.accept();
  };

  const collect = (): void => {
    follow();
    if (stream !== undefined && !stream.isClosed) requests.push(...stream.take());
  };

  return {
    offences,
    serve() {
      collect();
      for (const request of requests.splice(0)) take(request);
    },
    deliver() {
      const response = responses.shift();
      if (response === undefined || stream === undefined || stream.isClosed) return;
      stream.respondBytes(toBinary(DiscoveryResponseSchema, response));
    },
    get isQuiet() {
      collect();
      return stream === undefined || stream.isClosed || (requests.length === 0 && responses.length === 0);
    },
    kill() {
      follow();
      if (stream === undefined || stream.isClosed) return;
      requests = [];
      responses = [];
      subscriptions = new Map();
      const ended = stream;
      ended.fail("killed");
    },
    change(next) {
      world = next;
      for (const [typeUrl, subscription] of subscriptions) respond(typeUrl, subscription, new Set());
    },
  };
}
