import { create } from "@bufbuild/protobuf";
import {
  type DiscoveryRequest,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "@meshwright/proto/envoy/service/discovery/v3/discovery_pb";
import type { MeshModel } from "../model/mesh-model.js";
import type { ServedType } from "../xds/resource-source.js";

/** What a client acknowledged of one type. */
export interface TypeStatus {
  readonly type: string;
  readonly names: readonly string[];
  /** Version of the last response. */
  readonly sentVersion: string;
  /** Version that the client uses. */
  readonly ackedVersion: string;
  /** Why it refused the last response. Empty when it did not. */
  readonly problem: string;
}

interface Subscription {
  readonly type: ServedType;
  names: readonly string[];
  /** A client that names no listener gets all of them. */
  isWildcard: boolean;
  nonce: string;
  sentVersion: string;
  ackedVersion: string;
  problem: string;
  /** What the client has: bytes by name. They tell whether a change concerns it. */
  sent: ReadonlyMap<string, Uint8Array>;
}

/** What a request led to. */
export type RequestOutcome =
  | { readonly kind: "respond"; readonly responses: readonly DiscoveryResponse[] }
  | { readonly kind: "nacked"; readonly type: string; readonly message: string }
  | { readonly kind: "invalid"; readonly message: string };

const NOTHING: RequestOutcome = { kind: "respond", responses: [] };

/**
 * One state-of-the-world ADS stream as a pure state machine: requests and models in, responses out (the xDS transport
 * protocol; names and wildcard as istiod's grpc generator takes them).
 */
export class AdsSession {
  readonly #types: readonly ServedType[];
  readonly #subscriptions = new Map<string, Subscription>();
  #model: MeshModel;
  #version: string;
  #nodeId = "";
  #nonce = 0;

  constructor(types: readonly ServedType[], model: MeshModel, version: string) {
    this.#types = types;
    this.#model = model;
    this.#version = version;
  }

  /** Id of the client, once it told. */
  get nodeId(): string {
    return this.#nodeId;
  }

  /** What the client subscribed to and acknowledged. */
  get status(): readonly TypeStatus[] {
    return [...this.#subscriptions.values()].map(({ type, names, sentVersion, ackedVersion, problem }) => ({
      type: type.label,
      names,
      sentVersion,
      ackedVersion,
      problem,
    }));
  }

  /** Takes a request of the client. */
  onRequest(request: DiscoveryRequest): RequestOutcome {
    if (this.#nodeId === "") {
      if (request.node === undefined || request.node.id === "") {
        return { kind: "invalid", message: "the first request must carry node.id" };
      }
      this.#nodeId = request.node.id;
    }
    const type = this.#types.find(({ typeUrl }) => typeUrl === request.typeUrl);
    // A type that the mesh has nothing of: the client may ask, and waits.
    if (type === undefined) return NOTHING;
    const known = this.#subscriptions.get(type.typeUrl);
    if (known !== undefined && request.responseNonce !== "" && request.responseNonce !== known.nonce) {
      // An answer to a response that a newer one has overtaken.
      return NOTHING;
    }
    if (known !== undefined && request.errorDetail !== undefined) {
      known.problem = request.errorDetail.message;
      return { kind: "nacked", type: type.label, message: request.errorDetail.message };
    }
    const subscription = known ?? this.#subscribe(type);
    if (request.responseNonce !== "" && known !== undefined) {
      known.ackedVersion = request.versionInfo;
      known.problem = "";
    }
    const names = [...new Set(request.resourceNames)].sort();
    const isNew = known === undefined || names.some((name) => !known.names.includes(name));
    // The old meaning of no names: all, until names were given once.
    subscription.isWildcard = names.length === 0 && type.allNames !== undefined && subscription.names.length === 0;
    subscription.names = names;
    // A client forgets what it gives up; if it asks again it must be told again.
    if (!subscription.isWildcard) {
      subscription.sent = new Map([...subscription.sent].filter(([name]) => names.includes(name)));
    }
    if (!isNew && !(known === undefined && subscription.isWildcard)) return NOTHING;
    const response = this.#respond(subscription, true);
    return response === undefined ? NOTHING : { kind: "respond", responses: [response] };
  }

  /** Takes a new model; returns what the client must be told, in the order that breaks nothing. */
  onModel(model: MeshModel, version: string): DiscoveryResponse[] {
    this.#model = model;
    this.#version = version;
    const responses: DiscoveryResponse[] = [];
    for (const { typeUrl } of this.#types) {
      const subscription = this.#subscriptions.get(typeUrl);
      const response = subscription && this.#respond(subscription, false);
      if (response !== undefined) responses.push(response);
    }
    return responses;
  }

  #subscribe(type: ServedType): Subscription {
    const subscription: Subscription = {
      type,
      names: [],
      isWildcard: false,
      nonce: "",
      sentVersion: "",
      ackedVersion: "",
      problem: "",
      sent: new Map(),
    };
    this.#subscriptions.set(type.typeUrl, subscription);
    return subscription;
  }

  /** The response for a subscription; undefined when the client has it all, unless it just asked. */
  #respond(subscription: Subscription, wasAsked: boolean): DiscoveryResponse | undefined {
    const { type, names, isWildcard, sent } = subscription;
    const wanted = isWildcard ? (type.allNames?.(this.#model) ?? []) : names;
    const current = new Map<string, Uint8Array>();
    for (const name of wanted) {
      const bytes = type.resource(this.#model, name);
      if (bytes !== undefined) current.set(name, bytes);
    }
    const changed = [...current].filter(([name, bytes]) => !isSame(sent.get(name), bytes));
    const didLose = [...sent.keys()].some((name) => !current.has(name));
    if (changed.length === 0 && !didLose && !(wasAsked && type.isComplete)) return undefined;
    // Clusters and listeners are sent whole: what is missing is gone. The others may come in parts.
    const included = type.isComplete ? [...current] : changed;
    if (included.length === 0 && !type.isComplete) {
      subscription.sent = current;
      return undefined;
    }
    this.#nonce += 1;
    subscription.sent = current;
    subscription.nonce = `${this.#version}-${this.#nonce}`;
    subscription.sentVersion = this.#version;
    return create(DiscoveryResponseSchema, {
      typeUrl: type.typeUrl,
      versionInfo: this.#version,
      nonce: subscription.nonce,
      resources: included.map(([, value]) => ({ typeUrl: type.typeUrl, value })),
    });
  }
}

function isSame(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && (a === b || Buffer.compare(a, b) === 0);
}
