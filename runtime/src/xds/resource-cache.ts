import type { ResourceType } from "./resource-types.js";
import { isSameValue } from "./same-value.js";

/** What is known of one resource. */
export type ResourceState<T> =
  /** Asked for, no answer yet. */
  | { readonly kind: "requested" }
  /** In force; `rejected` says why a newer one was refused. */
  | { readonly kind: "ok"; readonly resource: T; readonly version: string; readonly rejected?: string }
  /** The server does not have it. */
  | { readonly kind: "absent"; readonly message: string }
  /** It came, was refused, and none came before it. */
  | { readonly kind: "invalid"; readonly message: string };

interface Entry {
  state: ResourceState<unknown>;
  bytes: Uint8Array | undefined;
  readonly watchers: Set<() => void>;
}

/** The resources of one type: what was asked for, what came, and who wants to know. */
export class ResourceCache {
  readonly type: ResourceType<unknown>;
  readonly #entries = new Map<string, Entry>();

  constructor(type: ResourceType<unknown>) {
    this.type = type;
  }

  /** Names that somebody wants, sorted. */
  get names(): string[] {
    return this.#watched.map(([name]) => name).sort();
  }

  /** Every resource that somebody wants with its state, for status pages. */
  get states(): ReadonlyMap<string, ResourceState<unknown>> {
    return new Map(this.#watched.map(([name, { state }]) => [name, state]));
  }

  get #watched(): [string, Entry][] {
    return [...this.#entries].filter(([, { watchers }]) => watchers.size > 0);
  }

  state(name: string): ResourceState<unknown> | undefined {
    return this.#entries.get(name)?.state;
  }

  /** Registers interest. True when nobody wanted the name before. */
  watch(name: string, onChange: () => void): boolean {
    const entry = this.#entries.get(name);
    if (entry !== undefined) {
      const isWanted = entry.watchers.size > 0;
      // It may exist by now, and the server is asked again; one of a complete type would have come by itself.
      if (!isWanted && !this.type.isComplete && entry.state.kind === "absent") entry.state = { kind: "requested" };
      entry.watchers.add(onChange);
      return !isWanted;
    }
    this.#entries.set(name, { state: { kind: "requested" }, bytes: undefined, watchers: new Set([onChange]) });
    return true;
  }

  /** Ends an interest. True when it was the last in this name; the resource stays until {@link forgetUnwatched}. */
  unwatch(name: string, onChange: () => void): boolean {
    const entry = this.#entries.get(name);
    return entry?.watchers.delete(onChange) === true && entry.watchers.size === 0;
  }

  /** Names of what is here and nobody wants. */
  get unwatched(): string[] {
    return [...this.#entries].filter(([, { watchers }]) => watchers.size === 0).map(([name]) => name);
  }

  /**
   * Drops what nobody wants. Only for when the server does not take it for subscribed any more: it would not send again
   * what it believes to be here.
   */
  forgetUnwatched(): void {
    for (const name of this.unwatched) this.#entries.delete(name);
  }

  /** Takes a received resource. Returns why it is refused, or undefined. Unchanged bytes change nothing. */
  receive(name: string, bytes: Uint8Array, version: string): string | undefined {
    const entry = this.#entries.get(name);
    // Not asked for, or not any more: nothing to check it for.
    if (entry === undefined) return undefined;
    const { state } = entry;
    if (state.kind === "ok" && entry.bytes !== undefined && Buffer.compare(entry.bytes, bytes) === 0) {
      if (state.rejected !== undefined || state.version !== version) {
        entry.state = { kind: "ok", resource: state.resource, version };
      }
      return undefined;
    }
    const decoded = this.type.decode(name, bytes);
    if (decoded.kind === "invalid") {
      // The last good one stays in force.
      if (state.kind === "ok") entry.state = { ...state, rejected: decoded.message };
      else this.#set(entry, { kind: "invalid", message: decoded.message });
      return decoded.message;
    }
    // A copy: a view would keep the whole response in memory for this one resource of it.
    entry.bytes = bytes.slice();
    if (state.kind === "ok" && isSameValue(state.resource, decoded.resource)) {
      // Other bytes, but nothing in them that we use: the object keeps its identity and nobody hears of it.
      entry.state = { kind: "ok", resource: state.resource, version };
      return undefined;
    }
    this.#set(entry, { kind: "ok", resource: decoded.resource, version });
    return undefined;
  }

  /** A complete response came without these: resources that had been there are gone. */
  removeMissing(received: ReadonlySet<string>): void {
    for (const [name, entry] of this.#entries) {
      const wasThere = entry.state.kind === "ok" || entry.state.kind === "invalid";
      if (wasThere && !received.has(name)) this.#remove(name, entry, "was deleted by the control plane");
    }
  }

  /** No answer came in time. */
  giveUp(name: string): void {
    const entry = this.#entries.get(name);
    if (entry?.state.kind === "requested")
      this.#remove(name, entry, "does not exist: the control plane did not send it");
  }

  #remove(name: string, entry: Entry, what: string): void {
    entry.bytes = undefined;
    this.#set(entry, { kind: "absent", message: `${this.type.label} "${name}" ${what}` });
  }

  #set(entry: Entry, state: ResourceState<unknown>): void {
    entry.state = state;
    for (const onChange of [...entry.watchers]) onChange();
  }
}
