import { createHash } from "node:crypto";

/** A process that serves: out of a WorkloadEntry, an endpoint of a ServiceEntry, or a registration. */
export interface Workload {
  readonly name: string;
  readonly namespace: string;
  /** IP address. */
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  /** At least 1. */
  readonly weight: number;
  readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
  readonly isDraining: boolean;
  /** The port that serves a port of a service. */
  portFor(name: string, targetPort: number): number;
}

/** Fully qualified interface names can be longer than the name of a label. */
const LONGEST_LABEL_NAME = 63;
const LABEL_PREFIX = "rpc.meshwright.dev";

/** The label that a workload carries for each interface that it serves; its value is "1". */
export function interfaceLabel(typeName: string): string {
  const name =
    typeName.length <= LONGEST_LABEL_NAME
      ? typeName
      : createHash("sha256").update(typeName).digest("hex").slice(0, LONGEST_LABEL_NAME);
  return `${LABEL_PREFIX}/${name}`;
}

/** Whether `labels` has everything that `selector` asks for. */
export function matchesLabels(
  labels: Readonly<Record<string, string>>,
  selector: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}

/** Istio writes a locality as "region/zone/subzone". */
export function parseLocality(text: string): Workload["locality"] {
  const [region = "", zone = "", subZone = ""] = text.split("/");
  return { region, zone, subZone };
}
