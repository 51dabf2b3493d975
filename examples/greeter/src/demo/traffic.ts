import { createContextValues } from "@connectrpc/connect";
import { callDecision } from "@meshwright/runtime";
import type { GreeterClient } from "../gen/acme/greet/v1/greet_mesh.js";
import { Tally } from "./tally.js";

// Short enough that a rate of some thousand calls a second comes out evenly.
const TICK_MS = 2;
// After a stall the missed calls are dropped instead of being fired as one burst.
const LARGEST_BURST_MS = 100;

/** Calls the greeter at a steady rate and counts what comes back. */
export class Traffic {
  readonly #greeter: GreeterClient;
  readonly #perSecond: number;
  #timer: NodeJS.Timeout | undefined;
  #headers: Readonly<Record<string, string>> = {};
  #tally = new Tally();
  #awaited: { readonly route: string; readonly found: (atMs: number) => void } | undefined;

  constructor(greeter: GreeterClient, perSecond: number) {
    this.#greeter = greeter;
    this.#perSecond = perSecond;
  }

  /** The calls since the last {@link begin}. */
  get tally(): Tally {
    return this.#tally;
  }

  /** Starts to call. */
  start(): void {
    const startedAt = performance.now();
    let sent = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startedAt) / 1_000) * this.#perSecond);
      sent = Math.max(sent, due - Math.ceil((this.#perSecond * LARGEST_BURST_MS) / 1_000));
      for (; sent < due; sent += 1) void this.#call();
    }, TICK_MS);
  }

  /** Counts afresh: calls that begin from now on, with these headers. A call under way still counts where it began. */
  begin(headers: Readonly<Record<string, string>> = {}): Tally {
    this.#headers = headers;
    this.#tally = new Tally();
    return this.#tally;
  }

  /** Resolves, with the time at which it began, when a call was routed by the route of this name. */
  routed(route: string): Promise<number> {
    return new Promise((found) => {
      this.#awaited = { route, found };
    });
  }

  /** Stops, and waits for the calls under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#tally.settled();
  }

  async #call(): Promise<void> {
    const tally = this.#tally;
    const contextValues = createContextValues();
    const startedAt = performance.now();
    tally.begun();
    try {
      const { version, instance } = await this.#greeter.sayHello(
        { name: "Ada" },
        { timeoutMs: 5_000, headers: this.#headers, contextValues },
      );
      tally.answered(version, instance, performance.now() - startedAt);
    } catch (error) {
      tally.hasFailed(error instanceof Error ? error.message : String(error));
    }
    const awaited = this.#awaited;
    if (awaited !== undefined && contextValues.get(callDecision)?.routeName === awaited.route) {
      this.#awaited = undefined;
      awaited.found(startedAt);
    }
  }
}
