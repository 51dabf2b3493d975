import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { Client, Transport } from "@connectrpc/connect";
import { systemClock } from "../base/clock.js";
import { formatAddress } from "../base/network.js";
import { systemRng } from "../base/rng.js";
import { Channel } from "../client/channel.js";
import type { ClientDependencies } from "../client/cluster-handle.js";
import { createDirectChannel } from "../client/direct-channel.js";
import type { MessageOptions } from "../client/unary-call.js";
import type { ClientMesh, MeshService } from "../codegenv1/types.js";
import { http2Limits } from "../http2/limit-presets.js";
import type { Http2Limits } from "../http2/limits.js";
import { nodeNetwork } from "../net/node-network.js";
import { createControlPlaneRegistrar, type RegistryEvent } from "../registry/control-plane-registrar.js";
import type { Registrar, RegistrationHandle } from "../registry/registrar.js";
import { Decompressor } from "../rpc/decompressor.js";
import { sendCompression } from "../rpc/outgoing.js";
import { RpcServer } from "../server/rpc-server.js";
import { createConnectionReporter } from "../telemetry/connection-reporter.js";
import { createLimitReporter } from "../telemetry/limit-reporter.js";
import { createXdsClient, type XdsClient } from "../xds/client.js";
import { createAdsTransport } from "./ads-transport.js";
import { advertisedAddress, defaultHost, defaultNodeId, processName } from "./advertise.js";
import { chooseBootstrap } from "./bootstrap-source.js";
import { createBoundClient } from "./bound-client.js";
import { isRegistryMissing, openRegistryStream } from "./control-channel.js";
import { clientMethods, describeService } from "./methods.js";
import type { MeshEvent, MeshOptions, MeshServer, ServeOptions } from "./options.js";
import { type MeshStatus, statusOf } from "./status.js";
import { type BoundMethod, createMeshTransport, type MeshTransportOptions } from "./transport.js";

/** A service mesh as one process sees it: it finds services by interface name, routes and balances calls to them. */
export interface Mesh extends ClientMesh, AsyncDisposable {
  /** A Connect `Transport` for the services of any `createClient`: each is found by its interface name. */
  transport(): Transport;
  /** Serves, and registers what is served. Resolves when clients can find it. */
  serve(options: ServeOptions): Promise<MeshServer>;
  /** What this process knows of the mesh. */
  readonly status: MeshStatus;
  /** Closes the servers, then every connection. Calls in flight fail. */
  close(): Promise<void>;
}

// How long a closing server waits for the registry to take note.
const DRAIN_MS = 2_000;

/**
 * Joins the mesh. Rejects when the bootstrap is missing or malformed; a control plane that can't be reached is awaited,
 * and calls fail with the reason meanwhile.
 */
export async function createMesh(options: MeshOptions = {}): Promise<Mesh> {
  return new NodeMesh(options);
}

/** The composition root: the only place that joins the rooms. */
class NodeMesh implements Mesh {
  readonly #options: MeshOptions;
  readonly #limits: Http2Limits;
  readonly #decompressor = new Decompressor();
  readonly #onLimit = createLimitReporter();
  readonly #dependencies: ClientDependencies;
  readonly #controlPlane: string;
  readonly #controlChannel: Channel;
  readonly #xds: XdsClient;
  readonly #registrar: Registrar;
  readonly #channels = new Map<string, Channel>();
  readonly #methods = new Map<DescMethod, BoundMethod>();
  readonly #servers = new Set<MeshServer>();
  #isClosed = false;

  constructor(options: MeshOptions) {
    this.#options = options;
    this.#limits = http2Limits(options.http2 ?? {});
    this.#dependencies = {
      network: nodeNetwork,
      clock: systemClock,
      rng: systemRng,
      onLimit: this.#onLimit,
      http2: this.#limits,
    };
    const { bootstrap, source } = chooseBootstrap({
      bootstrap: options.bootstrap,
      controlPlane: options.controlPlane,
      env: process.env,
      nodeId: defaultNodeId(process.env),
    });
    const [server] = bootstrap.servers;
    this.#controlPlane = server?.uri ?? "";
    this.#controlChannel = createDirectChannel(this.#controlPlane, this.#dependencies);
    const report = (event: MeshEvent): void => this.#report(event, source);
    this.#xds = createXdsClient({
      bootstrap,
      transport: createAdsTransport(this.#controlChannel),
      clock: systemClock,
      rng: systemRng,
      onEvent: (event) => {
        if (event.kind === "rejected") report(event);
        else report({ ...event, controlPlane: this.#controlPlane });
      },
    });
    this.#registrar = createControlPlaneRegistrar({
      open: openRegistryStream(this.#controlChannel),
      isUnsupported: isRegistryMissing,
      clock: systemClock,
      rng: systemRng,
      onEvent: (event) => report(registrationEvent(event)),
    });
  }

  get status(): MeshStatus {
    return statusOf(this.#controlPlane, this.#xds, this.#channels);
  }

  client<S extends DescService>(service: MeshService<S>): Client<S> {
    this.#assertOpen();
    this.#bindService(service);
    return createBoundClient(service, this.#transportOptions());
  }

  transport(): Transport {
    this.#assertOpen();
    return createMeshTransport(this.#transportOptions());
  }

  async serve(options: ServeOptions): Promise<MeshServer> {
    this.#assertOpen();
    const rpc = new RpcServer(
      {
        network: nodeNetwork,
        clock: systemClock,
        rng: systemRng,
        onLimit: this.#onLimit,
        onConnectionError: createConnectionReporter(),
      },
      options,
    );
    const host = options.host ?? defaultHost(this.#controlPlane);
    const bound = await rpc.listen({ kind: "tcp", host, port: options.port });
    const port = bound.kind === "tcp" ? bound.port : options.port;
    const registration = options.registration === false ? undefined : await this.#register(options, host, port);
    const server: MeshServer = {
      address: formatAddress(bound),
      close: async (graceMs) => {
        this.#servers.delete(server);
        // Clients learn first that no more calls are wanted, then the connections say so.
        if (registration !== undefined) await within(DRAIN_MS, registration.drain());
        await rpc.close(graceMs);
        registration?.close();
      },
      [Symbol.asyncDispose]: () => server.close(),
    };
    this.#servers.add(server);
    return server;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.all([...this.#servers].map((server) => server.close()));
    this.#xds.close();
    for (const channel of this.#channels.values()) channel.close();
    this.#controlChannel.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #register(options: ServeOptions, host: string, port: number): Promise<RegistrationHandle> {
    const { name, labels, weight, address, locality } = options.registration || {};
    return this.#registrar.register({
      name: name ?? processName(process.env),
      address: address ?? advertisedAddress(host, process.env),
      port,
      interfaces: options.services.map(({ service }) => service.service.typeName),
      labels: labels ?? {},
      weight: weight ?? 1,
      ...(locality === undefined ? {} : { locality }),
    });
  }

  #transportOptions(): MeshTransportOptions {
    return {
      bind: (method) => this.#bind(method),
      messages: this.#messageOptions(),
      interceptors: this.#options.interceptors ?? [],
      defaultTimeoutMs: this.#options.defaultTimeoutMs,
    };
  }

  #messageOptions(): MessageOptions {
    const { maxMessageBytes } = this.#limits;
    const { readMaxBytes = maxMessageBytes, sendCompression: encoding, compressMinBytes } = this.#options;
    const compression = sendCompression(encoding, compressMinBytes);
    const decompressor = this.#decompressor;
    return { readMaxBytes, decompressor, ...(compression === undefined ? {} : { compression }) };
  }

  #bind(method: DescMethod): BoundMethod {
    let bound = this.#methods.get(method);
    if (bound === undefined) {
      this.#bindService(describeService(method.parent));
      bound = this.#methods.get(method);
      if (bound === undefined) throw new Error(`${method.parent.typeName} has no method ${method.name}`);
    }
    return bound;
  }

  #bindService(service: MeshService): void {
    const target = `${service.host}:${service.port}`;
    const channel = this.#channel(target);
    const methods = clientMethods(service, target, this.#limits);
    for (const [desc, method] of methods) this.#methods.set(desc, { ...method, channel });
  }

  #channel(target: string): Channel {
    const known = this.#channels.get(target);
    if (known !== undefined) return known;
    const channel = new Channel(target, this.#dependencies);
    this.#channels.set(target, channel);
    this.#xds.watch(target, {
      onConfig: (config) => channel.onConfig(config),
      onError: (message) => channel.onError(`${target}: ${message}`),
    });
    return channel;
  }

  #report(event: MeshEvent, source: string): void {
    const { onEvent } = this.#options;
    if (onEvent !== undefined) {
      onEvent(event);
      return;
    }
    if (this.#isClosed) return;
    const text = warning(event, source);
    if (text !== undefined) process.emitWarning(text, "MeshwrightWarning");
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new Error("the mesh was closed");
  }
}

function registrationEvent(event: RegistryEvent): MeshEvent {
  switch (event.kind) {
    case "registered":
      return event;
    case "lost":
    case "unsupported":
      return { kind: "unregistered", name: event.name, reason: event.reason };
  }
}

/** What a person should know of an event; undefined when all is well. */
function warning(event: MeshEvent, source: string): string | undefined {
  switch (event.kind) {
    case "connected":
    case "registered":
      return undefined;
    case "disconnected":
      return (
        `control plane ${event.controlPlane} (from ${source}): ${event.reason}; the last good configuration stays in ` +
        "force and the connection is tried again; start one with: npx meshwright control-plane --dir FOLDER"
      );
    case "rejected":
      return `${event.type} of version ${event.version} refused, the last good one stays in force: ${event.message}`;
    case "unregistered":
      return `server "${event.name}" is not registered, clients can't find it: ${event.reason}`;
  }
}

/** Waits for `work`, but not longer than `ms`. */
function within(ms: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = systemClock.setTimer(ms, resolve);
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
