/** What a process has done so far. */
export interface Usage {
  readonly cpuMs: number;
  /** Handlers that began. */
  readonly started: number;
  /** Handlers at work. */
  readonly active: number;
  /** Most handlers at work at once. */
  readonly mostActive: number;
  /** Messages that handlers took. */
  readonly messages: number;
  /** Connections that a server accepted. */
  readonly connections: number;
  /** The value of `x-probe` in the last request that had one. */
  readonly probe: string;
}

/** CPU time of this process so far. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
