import { createServer, type Server, systemClock } from "@meshwright/runtime";
import { type AdsService, type ClientStatus, createAdsService } from "./ads/ads-service.js";
import type { ControlPlaneEvent } from "./events.js";
import { MeshState } from "./mesh-state.js";
import { type BuiltModel, buildModel } from "./model/build-model.js";
import type { HostDefaults } from "./model/hosts.js";
import { createRegistry, type Registry } from "./registry/registry-service.js";
import { watchFolder } from "./watch-folder.js";
import { servedTypes } from "./xds/resource-source.js";
import type { IstioObject, Loaded, LoadedFolder, Problem } from "./yaml/istio-object.js";
import { loadFolder } from "./yaml/load-folder.js";

/** Options of {@link createControlPlane}. */
export interface ControlPlaneOptions {
  /** Folder of Istio YAML files, read with its subfolders and watched. Without one there are only registrations. */
  readonly directory?: string;
  /** `host:port` or `unix:/path` to listen on. Defaults to 127.0.0.1:15010. */
  readonly listen?: string;
  /** Namespace of clients and registrations, to which short host names belong. Defaults to "default". */
  readonly namespace?: string;
  /** Domain of Kubernetes-like hosts. Defaults to "cluster.local". */
  readonly domain?: string;
  /** Gets what happens. */
  readonly onEvent?: (event: ControlPlaneEvent) => void;
}

/** What a control plane knows at one moment. */
export interface ControlPlaneStatus {
  /** Version of the configuration in force; it rises with every change. */
  readonly generation: string;
  readonly services: readonly { readonly host: string; readonly workloads: number }[];
  readonly clients: readonly ClientStatus[];
  /** Why the files as they are now are not in force. Empty when they are. */
  readonly errors: readonly Problem[];
  /** What of the files has no effect. */
  readonly warnings: readonly Problem[];
}

/** A control plane that reads Istio YAML and serves xDS. */
export interface ControlPlane extends AsyncDisposable {
  /** The address that it serves on. */
  readonly address: string;
  readonly status: ControlPlaneStatus;
  /** Reads the files again now; resolves with the errors that keep them from being in force. */
  reload(): Promise<readonly Problem[]>;
  close(): Promise<void>;
}

/** The configuration has errors. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(`the configuration has errors:\n${problems.map(({ where, message }) => `${where}: ${message}`).join("\n")}`);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

const NOTHING: LoadedFolder = { objects: [], problems: [], text: "" };
const DEFAULT_LISTEN = "127.0.0.1:15010";
const CLOSE_GRACE_MS = 100;

/**
 * Starts a control plane. Rejects with a {@link ConfigError} when the files have errors that no registration can cure,
 * and with an error that names the address when it can't listen.
 */
export async function createControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const controlPlane = new EmbeddedControlPlane(options);
  await controlPlane.start(options.listen ?? DEFAULT_LISTEN);
  return controlPlane;
}

class EmbeddedControlPlane implements ControlPlane {
  readonly #directory: string | undefined;
  readonly #defaults: HostDefaults;
  readonly #onEvent: (event: ControlPlaneEvent) => void;
  readonly #state = new MeshState();
  readonly #registry: Registry;
  readonly #ads: AdsService;
  readonly #server: Server;
  #address = "";
  /** The objects in force. */
  #objects: readonly IstioObject[] = [];
  /** Files that were refused, but may become right when a server registers. */
  #pending: Loaded | undefined;
  #text: string | undefined;
  #errors: readonly Problem[] = [];
  #warnings: readonly Problem[] = [];
  #watching: Disposable | undefined;
  #loading: Promise<unknown> = Promise.resolve();
  #isRebuildQueued = false;

  constructor({ directory, namespace = "default", domain = "cluster.local", onEvent }: ControlPlaneOptions) {
    this.#directory = directory;
    this.#defaults = { namespace, domain };
    this.#onEvent = onEvent ?? (() => {});
    this.#registry = createRegistry(systemClock, namespace, () => this.#queueRebuild(), this.#onEvent);
    this.#ads = createAdsService(this.#state, servedTypes(this.#defaults), this.#onEvent);
    this.#server = createServer({ services: [this.#ads.registration, this.#registry.registration] });
  }

  get address(): string {
    return this.#address;
  }

  get status(): ControlPlaneStatus {
    return {
      generation: this.#state.version,
      services: [...this.#state.model.services.values()].map(({ host, workloads }) => ({
        host,
        workloads: workloads.length,
      })),
      clients: this.#ads.clients,
      errors: this.#errors,
      warnings: this.#warnings,
    };
  }

  async start(listen: string): Promise<void> {
    // Before the first look, or a change between the two would go unseen.
    if (this.#directory !== undefined) {
      this.#watching = watchFolder(this.#directory, systemClock, () => void this.reload());
    }
    try {
      await this.reload();
      if (this.#errors.some(({ mayHeal }) => mayHeal !== true)) throw new ConfigError(this.#errors);
      this.#address = await this.#server.listen(listen);
    } catch (error) {
      this.#watching?.[Symbol.dispose]();
      throw error;
    }
  }

  reload(): Promise<readonly Problem[]> {
    // One after the other, or an older look could overtake a newer one.
    const result = this.#loading.then(async () => {
      const loaded =
        this.#directory === undefined ? NOTHING : await loadFolder(this.#directory, this.#defaults.namespace);
      // Many events are about files that nobody changed.
      if (loaded.text !== this.#text) this.#apply(loaded);
      this.#text = loaded.text;
      return this.#errors;
    });
    this.#loading = result;
    return result;
  }

  async close(): Promise<void> {
    this.#watching?.[Symbol.dispose]();
    await this.#loading;
    await this.#server.close(CLOSE_GRACE_MS);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Puts loaded files in force as a whole, or not at all. */
  #apply(loaded: Loaded): void {
    const built = this.#build(loaded.objects);
    const problems = [...loaded.problems, ...built.problems];
    const errors = problems.filter(({ severity }) => severity === "error");
    if (errors.length > 0) {
      this.#pending = loaded;
      this.#reportErrors(errors);
      return;
    }
    this.#pending = undefined;
    this.#errors = [];
    this.#warnings = problems;
    this.#objects = loaded.objects;
    this.#state.set(built.model);
    this.#onEvent({
      kind: "applied",
      generation: this.#state.version,
      objects: loaded.objects.length,
      warnings: problems,
    });
  }

  #reportErrors(errors: readonly Problem[]): void {
    const isNews = JSON.stringify(errors) !== JSON.stringify(this.#errors);
    this.#errors = errors;
    if (isNews) this.#onEvent({ kind: "rejected", errors });
  }

  /** Registrations come and go in bursts; one model serves a burst. */
  #queueRebuild(): void {
    if (this.#isRebuildQueued) return;
    this.#isRebuildQueued = true;
    systemClock.defer(() => {
      this.#isRebuildQueued = false;
      if (this.#pending !== undefined) this.#apply(this.#pending);
      // Whatever became of the files: servers that came or went count at once.
      if (this.#pending !== undefined || this.#errors.length === 0) this.#state.set(this.#build(this.#objects).model);
    });
  }

  #build(objects: readonly IstioObject[]): BuiltModel {
    return buildModel(objects, this.#registry.registrations, this.#defaults);
  }
}
