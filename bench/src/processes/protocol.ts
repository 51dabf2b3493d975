// What the bench and its processes say to each other: a JSON object a line, orders on standard input, answers on
// standard output. bench/grpc-go/main.go speaks it as well.

/** Systems that run in Node. */
export type NodeSystem = "meshwright" | "grpc-js" | "connect-node" | "node:http2" | "node:net";

/** A system under test. */
export type System = NodeSystem | "grpc-go";

/** A server certificate and the authority that signed it, PEM. */
export interface TlsMaterial {
  readonly authority: string;
  readonly certificate: string;
  readonly privateKey: string;
}

/** What the calls of a case do. Every call checks what it gets. */
export type Work =
  /** A payload goes out and comes back. */
  | { readonly kind: "unary"; readonly payloadBytes: number; readonly inFlight: number }
  /** So many messages come back, of so many bytes each; one call at a time. */
  | { readonly kind: "server-stream"; readonly payloadBytes: number; readonly messages: number }
  /** So many messages go out, of so many bytes each; one call at a time. */
  | { readonly kind: "client-stream"; readonly payloadBytes: number; readonly messages: number };

/** What one measurement found. */
export interface ClientReport {
  readonly calls: number;
  /** CPU time of the client for all of it. */
  readonly cpuUs: number;
  readonly elapsedMs: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** How a server is told what to be. */
export interface ServeOrder {
  readonly kind: "serve";
  readonly system: System;
  readonly tls?: TlsMaterial;
  /** Where the control plane is, for a server in a mesh. */
  readonly controlPlane?: string;
}

/** How a client is told where to go. */
export interface ConnectOrder {
  readonly kind: "connect";
  readonly system: System;
  /** Where the server is. */
  readonly address: string;
  readonly tls?: TlsMaterial;
  /** Where the control plane is, for a client that finds the server through its mesh. */
  readonly controlPlane?: string;
}

export type ToServer = ServeOrder | { readonly kind: "cpu" };
export type FromServer =
  | { readonly kind: "ready"; readonly address: string }
  | { readonly kind: "cpu"; readonly us: number };
export type ToClient =
  | ConnectOrder
  /** So many calls, but for no longer than `ms`. */
  | { readonly kind: "warm-up"; readonly work: Work; readonly calls: number; readonly ms: number }
  | { readonly kind: "measure"; readonly work: Work; readonly ms: number };
export type FromClient =
  | { readonly kind: "connected" }
  | { readonly kind: "warm" }
  | { readonly kind: "report"; readonly report: ClientReport };
