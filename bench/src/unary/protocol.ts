/** A system under test. */
export type System = "meshwright" | "grpc-js" | "connect-node" | "node:net";

/** What a client process is told to do. */
export interface ClientTask {
  readonly system: System;
  /** Where the server is; for the mesh, where the control plane is. */
  readonly address: string;
  readonly inFlight: number;
  readonly warmupCalls: number;
  readonly calls: number;
}

/** What it measured. */
export interface ClientReport {
  readonly cpuUs: number;
  readonly elapsedMs: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Between the bench and its processes. */
export type ToServer = { readonly kind: "cpu" };
export type FromServer =
  | { readonly kind: "ready"; readonly address: string }
  | { readonly kind: "cpu"; readonly us: number };
export type ToClient = { readonly kind: "prepare"; readonly task: ClientTask } | { readonly kind: "measure" };
export type FromClient = { readonly kind: "prepared" } | { readonly kind: "report"; readonly report: ClientReport };

/** CPU time of this process, user and system, in microseconds. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
