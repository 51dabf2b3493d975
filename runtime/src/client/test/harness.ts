import { Code, type ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { Address } from "../../base/network.js";
import type { Cluster } from "../../config/cluster.js";
import type { EndpointHealth } from "../../config/endpoint.js";
import type { RetryPolicy, Route, RouteAction } from "../../config/route.js";
import type { ClusterConfig, XdsConfig } from "../../config/xds-config.js";
import { http2Limits } from "../../http2/limit-presets.js";
import { openHttp2Session } from "../../http2/session.js";
import type { Http2Connection, Http2Options, Http2Stream, LimitExceeded } from "../../http2/types.js";
import { Decompressor } from "../../rpc/decompressor.js";
import { createRpcMethod } from "../../rpc/method.js";
import { RpcServer } from "../../server/rpc-server.js";
import { echoMethod, echoService, note, textOf } from "../../server/test/echo-service.js";
import { createSimulatedNetwork, type SimulatedNetwork } from "../../testing/simulated-network.js";
import { createVirtualClock, type VirtualClock } from "../../testing/virtual-clock.js";
import type { CallSettings } from "../call.js";
import type { CallDecision } from "../call-decision.js";
import { Channel } from "../channel.js";
import { startUnary } from "../unary-call.js";

/** A handler of `test.Echo/Say`. */
export type Say = (text: string, context: HandlerContext) => string | Promise<string>;

/** A call under way, and how it ended. */
export interface Outcome {
  text?: string;
  error?: ConnectError;
  decision?: CallDecision | undefined;
}

const SAY = createRpcMethod(echoMethod("say"), "echo", http2Limits({}));

/** A channel and servers in a simulated network. */
export class Harness {
  readonly clock: VirtualClock = createVirtualClock();
  readonly network: SimulatedNetwork = createSimulatedNetwork({ clock: this.clock });
  readonly rng = (): number => 0;
  /** For connections that are made from now on. */
  http2: Http2Options = {};
  readonly channel: Channel = new Channel("echo:80", this);
  readonly servers = new Map<string, RpcServer>();
  /** Limits that a server went over, with its address. */
  readonly limits: string[] = [];
  /** Addresses of the servers that handled a call, in order. */
  readonly handled: string[] = [];

  readonly onLimit = (_role: "client" | "server", peer: string, { limit }: LimitExceeded): void => {
    this.limits.push(`${peer} ${limit}`);
  };

  /** Serves `test.Echo` at `host:80`. */
  async serve(host: string, say: Say = (text) => `${host}: ${text}`, http2: Http2Options = {}): Promise<RpcServer> {
    const server = new RpcServer(this, {
      http2,
      services: [
        echoService({
          say: (request: object, context: HandlerContext) => {
            this.handled.push(host);
            const answer = say(textOf(request), context);
            return typeof answer === "string" ? note(answer) : answer.then(note);
          },
        }),
      ],
    });
    await server.listen(address(host));
    this.servers.set(host, server);
    return server;
  }

  /** Serves HTTP/2 at `host:80`, whose answers are the test's. Every stream is reported to `onStream` at its headers. */
  async serveRaw(host: string, onStream: (stream: Http2Stream, connection: Http2Connection) => void): Promise<void> {
    this.servers.set(host, new RpcServer(this, { services: [] }));
    await this.network.listen(address(host), (stream) => {
      const connection = openHttp2Session({
        role: "server",
        stream,
        rng: () => 0.5,
        clock: this.clock,
        handler: {
          onStream: (opened) => {
            this.handled.push(host);
            onStream(opened, connection);
            return { onHeaders() {}, onData() {}, onWritable() {}, onClose() {} };
          },
          onCapacity: () => {},
          onClose: () => {},
        },
      });
    });
  }

  /** Starts a call; its outcome fills when it ends. */
  start(text = "hi", settings: CallSettings = {}): Outcome {
    const outcome: Outcome = {};
    startUnary(
      this.channel,
      SAY,
      note(text),
      settings,
      { readMaxBytes: 1_000_000, decompressor: new Decompressor() },
      {
        onMessage: (message, call) => {
          outcome.text = textOf(message);
          outcome.decision = call.decision;
        },
        onError: (error, call) => {
          outcome.error = error as ConnectError;
          outcome.decision = call?.decision;
        },
      },
    );
    return outcome;
  }

  /** Starts a call and lets everything come to rest. */
  async call(text?: string, settings?: CallSettings): Promise<Outcome> {
    const outcome = this.start(text, settings);
    await this.clock.advance(0);
    return outcome;
  }

  /** Ends everything. Answers what is left over: nothing, unless something leaks. */
  async stop(): Promise<{ readonly timers: number; readonly connections: number }> {
    this.channel.close();
    const closed = [...this.servers.values()].map((server) => server.close(0));
    await this.clock.advance(0);
    await Promise.all(closed);
    for (const host of this.servers.keys()) this.network.cut(address(host));
    await this.clock.advance(0);
    return { timers: this.clock.pendingTimers, connections: this.network.openConnections };
  }
}

/** What is left over after a test that leaks nothing. */
export const NOTHING_LEFT = { timers: 0, connections: 0 } as const;

/** Answers a stream of {@link Harness.serveRaw} with a status and nothing else. */
export function answerStatus(stream: Http2Stream, code: Code, ...fields: string[]): void {
  const head = [":status", "200", "content-type", "application/grpc", "grpc-status", String(code)];
  stream.sendHeaders({ fields: [...head, ...fields] }, undefined, true);
}

/** `host:80`. */
export function address(host: string): Address {
  return { kind: "tcp", host, port: 80 };
}

/** What a test wants of a cluster. */
export interface ClusterWish extends Partial<Cluster> {
  readonly health?: EndpointHealth;
}

/** A cluster of the endpoints `host:80`. */
export function cluster(hosts: readonly string[], { health = "healthy", ...more }: ClusterWish = {}): ClusterConfig {
  const endpoints = hosts.map((host) => ({ address: `${host}:80`, host, port: 80, weight: 1, health }));
  return {
    kind: "ready",
    cluster: {
      name: "c",
      edsServiceName: "c",
      loadBalancer: { kind: "round_robin" },
      maxRequests: 1024,
      connectTimeoutMs: 5000,
      ...more,
    },
    endpoints: {
      name: "c",
      priorities: [[{ locality: { region: "", zone: "", subZone: "" }, weight: 1, endpoints }]],
      drops: [],
    },
  };
}

/** A route for everything. */
export function route(action: RouteAction): Route {
  return { name: "r", match: { path: { kind: "prefix", value: "/", ignoreCase: false }, headers: [] }, action };
}

/** Forwards to the cluster `name`. */
export function forward(name = "c", more: { timeoutMs?: number; retry?: RetryPolicy } = {}): RouteAction {
  return { kind: "forward", clusters: [{ name, weight: 1 }], ...more };
}

/** Retries UNAVAILABLE twice after 100 ms, then 200 ms, at the most; no wait with an rng of 0. */
export function retry(more: Partial<RetryPolicy> = {}): RetryPolicy {
  return {
    on: ["unavailable"],
    maxRetries: 2,
    baseBackoffMs: 100,
    maxBackoffMs: 1000,
    avoidPreviousHosts: true,
    ...more,
  };
}

/** A configuration with one route. */
export function config(action: RouteAction, clusters: Readonly<Record<string, ClusterConfig>> = {}): XdsConfig {
  return {
    target: "echo:80",
    virtualHost: { name: "v", domains: ["*"], routes: [route(action)] },
    clusters: new Map(Object.entries(clusters)),
  };
}

/** How a call failed, for comparison. */
export function failureOf({ error }: Outcome): { code: string; message: string } | undefined {
  return error === undefined ? undefined : { code: Code[error.code] ?? String(error.code), message: error.rawMessage };
}
