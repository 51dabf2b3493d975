import type { DestinationRule } from "@meshwright/proto/istio/networking/v1alpha3/destination_rule_pb";
import type { ServiceEntry, WorkloadEntry } from "@meshwright/proto/istio/networking/v1alpha3/service_entry_pb";
import type { VirtualService } from "@meshwright/proto/istio/networking/v1alpha3/virtual_service_pb";

/** Keys and indexes that lead to a part of a document. */
export type Path = readonly (string | number)[];

/** One configuration object out of a file. */
export type IstioObject = {
  readonly name: string;
  readonly namespace: string;
  /** `file:line:column` of the part of the spec at `path`, or of the nearest part that is there. */
  at(path: Path): string;
} & (
  | { readonly kind: "VirtualService"; readonly spec: VirtualService }
  | { readonly kind: "DestinationRule"; readonly spec: DestinationRule }
  | { readonly kind: "ServiceEntry"; readonly spec: ServiceEntry }
  | { readonly kind: "WorkloadEntry"; readonly spec: WorkloadEntry }
);

/** Something that a person should know of the configuration. */
export interface Problem {
  /** An error refuses the whole configuration; a warning does not. */
  readonly severity: "error" | "warning";
  /** `file:line:column`. */
  readonly where: string;
  readonly message: string;
  /** It is about a host that a server may yet register. */
  readonly mayHeal?: boolean;
}

/** What a file or a folder holds. */
export interface Loaded {
  readonly objects: readonly IstioObject[];
  readonly problems: readonly Problem[];
}

/** A folder as it was read. */
export interface LoadedFolder extends Loaded {
  /** Names and contents of its files: the same text, the same configuration. */
  readonly text: string;
}
