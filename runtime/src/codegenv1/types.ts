import type { DescService } from "@bufbuild/protobuf";
import type { Client, ServiceImpl } from "@connectrpc/connect";

/** The four shapes of an RPC, as protobuf-es names them. */
export type MethodKind = "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";

/** What is known of a method when its stub is generated. */
export interface MeshMethod {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly kind: MethodKind;
  /** Repeating the call is safe (`idempotency_level` is NO_SIDE_EFFECTS or IDEMPOTENT). */
  readonly idempotent: boolean;
  /** Deadline of a call that sets none, in milliseconds. Absent: none. */
  readonly timeoutMs?: number;
}

/** The methods of a service by local name, such as `sayHello`. */
export type MeshMethods<S extends DescService> = { readonly [K in keyof S["method"]]: MeshMethod };

/** A service as the mesh sees it: descriptor, address by interface name, and per-method constants. */
export interface MeshService<S extends DescService = DescService> {
  readonly service: S;
  /** Mesh host of the interface, `acme.greet.v1.greeterservice.rpc.mesh` for instance. */
  readonly host: string;
  /** Port of the interface on that host. */
  readonly port: number;
  readonly methods: MeshMethods<S>;
}

/** The part of a mesh that a generated client needs. */
export interface ClientMesh {
  /** Makes the client of one service. */
  client<S extends DescService>(service: MeshService<S>): Client<S>;
}

/** A service with its handlers, ready to be served. */
export interface ServiceRegistration<S extends DescService = DescService> {
  readonly service: MeshService<S>;
  readonly implementation: Partial<ServiceImpl<S>>;
}

/** Ties a descriptor to its mesh constants. */
export function defineService<S extends DescService>(
  service: S,
  mesh: Omit<MeshService<S>, "service">,
): MeshService<S> {
  return { service, ...mesh };
}

/** Ties handlers to their service. */
export function implementService<S extends DescService>(
  service: MeshService<S>,
  implementation: Partial<ServiceImpl<S>>,
): ServiceRegistration<S> {
  return { service, implementation };
}
