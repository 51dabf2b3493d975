import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { MeshMethod, MeshService } from "../codegenv1/types.js";
import { interfaceHost } from "../registry/interface-host.js";
import type { DecodeLimits } from "../rpc/field-counter.js";
import { createRpcMethod, type RpcMethod } from "../rpc/method.js";

/** A method as a client of the mesh calls it: everything that does not change from call to call. */
export interface ClientMethod {
  readonly rpc: RpcMethod;
  /** Deadline of a call that sets none, in milliseconds. Absent: none. */
  readonly timeoutMs?: number;
}

/** The methods of a service, ready to be called on `authority`; `limits` bound their messages. */
export function clientMethods(
  service: MeshService,
  authority: string,
  limits?: DecodeLimits,
): ReadonlyMap<DescMethod, ClientMethod> {
  const methods = new Map<DescMethod, ClientMethod>();
  for (const desc of service.service.methods) {
    const timeoutMs = service.methods[desc.localName]?.timeoutMs;
    const rpc = createRpcMethod(desc, authority, limits);
    methods.set(desc, { rpc, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  }
  return methods;
}

/** The mesh view of a service that was generated without the plugin: constants come from its descriptor. */
export function describeService<S extends DescService>(service: S): MeshService<S> {
  const methods: Record<string, MeshMethod> = {};
  for (const method of service.methods) {
    methods[method.localName] = {
      path: `/${service.typeName}/${method.name}`,
      kind: method.methodKind,
      idempotent: method.idempotency !== 0,
    };
  }
  return { service, ...interfaceHost(service), methods: methods as MeshService<S>["methods"] };
}
