import { create } from "@bufbuild/protobuf";
import {
  Health,
  type RegisterRequest,
  RegisterRequestSchema,
  type RegisterResponse,
} from "@meshwright/proto/meshwright/registry/v1/registry_pb";
import type { Clock, Timer } from "../base/clock.js";
import type { Rng } from "../base/rng.js";
import type { Registrar, Registration, RegistrationHandle } from "./registrar.js";

/** Opens the stream `meshwright.registry.v1.RegistryService/Register`. The composition root binds it to a call. */
export type OpenRegistryStream = (
  requests: AsyncIterable<RegisterRequest>,
  signal: AbortSignal,
) => AsyncIterable<RegisterResponse>;

/** What the registrar is built from. */
export interface ControlPlaneRegistrarOptions {
  readonly open: OpenRegistryStream;
  /** Whether an error means that the control plane has no registry, so that trying again is pointless. */
  isUnsupported(error: unknown): boolean;
  readonly clock: Clock;
  readonly rng: Rng;
  /** News for diagnostics: the registration stands, was lost, or is not supported. */
  onEvent?(event: RegistryEvent): void;
}

export type RegistryEvent =
  | { readonly kind: "registered"; readonly name: string }
  | { readonly kind: "lost"; readonly name: string; readonly reason: string }
  | { readonly kind: "unsupported"; readonly name: string; readonly reason: string };

// A lease is renewed three times before it ends, so that one lost renewal costs nothing.
const RENEWALS_PER_LEASE = 3;
// The first reconnect is quick: a control plane that restarts must know its servers again before its clients ask.
const BACKOFF_BASE_MS = 100;
const BACKOFF_MULTIPLIER = 1.6;
const BACKOFF_MAX_MS = 5_000;
const BACKOFF_JITTER = 0.2;

/** Registers with the embedded control plane: the registration lives as long as a stream to it. */
export function createControlPlaneRegistrar(options: ControlPlaneRegistrarOptions): Registrar {
  return {
    async register(registration) {
      const lease = new Lease(registration, options);
      await lease.established;
      return lease;
    },
  };
}

/**
 * One registration and its stream.
 *
 * ```
 *   connecting --first response--> standing --stream ends--> connecting (after a backoff)
 *        |                             |
 *        +----------- close() ---------+--> closed
 * ```
 */
class Lease implements RegistrationHandle {
  /** Resolves with the first answer of the registry, or with the first failure to reach it. */
  readonly established: Promise<void>;
  readonly #registration: Registration;
  readonly #options: ControlPlaneRegistrarOptions;
  readonly #abort = new AbortController();
  #send: ((request: RegisterRequest) => void) | undefined;
  #answered: (() => void)[] = [];
  #health: Health = Health.SERVING;
  #failures = 0;
  #timer: Timer | undefined;

  constructor(registration: Registration, options: ControlPlaneRegistrarOptions) {
    this.#registration = registration;
    this.#options = options;
    this.established = new Promise((resolve) => this.#answered.push(resolve));
    void this.#keep();
  }

  async drain(): Promise<void> {
    this.#health = Health.DRAINING;
    const send = this.#send;
    if (send === undefined) return;
    await new Promise<void>((resolve) => {
      this.#answered.push(resolve);
      send(this.#request());
    });
  }

  close(): void {
    this.#timer?.cancel();
    this.#abort.abort();
    this.#settle();
  }

  async #keep(): Promise<void> {
    const { name } = this.#registration;
    while (!this.#abort.signal.aborted) {
      try {
        await this.#stream();
        if (!this.#abort.signal.aborted)
          this.#report({ kind: "lost", name, reason: "the control plane ended the stream" });
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        const reason = error instanceof Error ? error.message : String(error);
        if (this.#options.isUnsupported(error)) {
          this.#report({ kind: "unsupported", name, reason });
          this.#settle();
          return;
        }
        this.#report({ kind: "lost", name, reason });
        // Whoever waits goes on: a control plane that comes later is told in the background.
        this.#settle();
      } finally {
        this.#send = undefined;
        this.#timer?.cancel();
      }
      await this.#backoff();
    }
  }

  async #stream(): Promise<void> {
    const queue = new RequestQueue();
    this.#send = (request) => queue.push(request);
    queue.push(this.#request());
    try {
      for await (const response of this.#options.open(queue, this.#abort.signal)) {
        if (this.#failures !== 0 || this.#answered.length > 0) {
          this.#report({ kind: "registered", name: this.#registration.name });
        }
        this.#failures = 0;
        this.#settle();
        this.#renewAfter(response.leaseMs / RENEWALS_PER_LEASE, queue);
      }
    } finally {
      queue.end();
    }
  }

  #renewAfter(delayMs: number, queue: RequestQueue): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(delayMs, () => queue.push(create(RegisterRequestSchema)));
  }

  #backoff(): Promise<void> {
    if (this.#abort.signal.aborted) return Promise.resolve();
    const ceilingMs = Math.min(BACKOFF_BASE_MS * BACKOFF_MULTIPLIER ** this.#failures, BACKOFF_MAX_MS);
    this.#failures += 1;
    const delayMs = ceilingMs * (1 + BACKOFF_JITTER * (2 * this.#options.rng() - 1));
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimer(delayMs, resolve);
      this.#abort.signal.addEventListener("abort", () => {
        timer.cancel();
        resolve();
      });
    });
  }

  #settle(): void {
    const answered = this.#answered;
    this.#answered = [];
    for (const resolve of answered) resolve();
  }

  #report(event: RegistryEvent): void {
    this.#options.onEvent?.(event);
  }

  #request(): RegisterRequest {
    const { name, address, port, interfaces, labels, weight, locality } = this.#registration;
    return create(RegisterRequestSchema, {
      workload: {
        name,
        address,
        port,
        interfaces: [...interfaces],
        labels: { ...labels },
        weight,
        health: this.#health,
        ...(locality === undefined ? {} : { locality }),
      },
    });
  }
}

/** The requests of one stream: an async iterable that is fed from outside. One consumer. */
class RequestQueue implements AsyncIterable<RegisterRequest> {
  #items: RegisterRequest[] = [];
  #wake: (() => void) | undefined;
  #isEnded = false;

  push(request: RegisterRequest): void {
    this.#items.push(request);
    this.#wake?.();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<RegisterRequest> {
    while (true) {
      while (this.#items.length > 0) {
        const request = this.#items.shift();
        if (request !== undefined) yield request;
      }
      if (this.#isEnded) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
