/** A serving process as others see it. */
export interface Registration {
  /** Stable name of the process; another registration of the same name replaces it. */
  readonly name: string;
  /** IP address and port on which clients reach it. */
  readonly address: string;
  readonly port: number;
  /** Fully qualified names of the services that it serves. */
  readonly interfaces: readonly string[];
  /** What DestinationRule subsets select by, such as `{ version: "v1" }`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Relative share of the load, at least 1. */
  readonly weight: number;
  readonly locality?: { readonly region: string; readonly zone: string; readonly subZone: string };
}

/** Makes a server known to the mesh. Called by the mesh when a server listens, before `serve` returns. */
export interface Registrar {
  /**
   * Registers and keeps the registration alive until the handle is closed. Resolves when the registration stands or
   * the first attempt failed; in both cases it is established again in the background whenever it is lost.
   */
  register(registration: Registration): Promise<RegistrationHandle>;
}

/** A registration in force. */
export interface RegistrationHandle {
  /** Asks for no new calls, and resolves when the registry took note. Calls in flight go on. */
  drain(): Promise<void>;
  /** Ends the registration. */
  close(): void;
}
