import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import {
  Health,
  type RegisterRequest,
  type RegisterResponse,
  RegisterResponseSchema,
  RegistryService,
  type Workload as WorkloadMessage,
} from "@meshwright/proto/meshwright/registry/v1/registry_pb";
import { type Clock, describeService, type ServiceRegistration, type Timer } from "@meshwright/runtime";
import { implementService } from "@meshwright/runtime/codegenv1";
import type { ControlPlaneEvent } from "../events.js";
import type { Registrations } from "../model/build-model.js";
import { interfaceLabel, type Workload } from "../model/workload.js";

/** How long a registration stands without a renewal. */
const LEASE_MS = 15_000;

/** Knows the servers that registered themselves. */
export interface Registry {
  readonly registration: ServiceRegistration;
  readonly registrations: Registrations;
}

/** Makes the `RegistryService`. A registration lives as long as its stream, and no longer than its lease. */
export function createRegistry(
  clock: Clock,
  namespace: string,
  onChange: () => void,
  onEvent: (event: ControlPlaneEvent) => void,
): Registry {
  const workloads = new Map<string, Workload>();
  const interfaces = new Set<string>();

  async function* register(
    requests: AsyncIterable<RegisterRequest>,
    context: HandlerContext,
  ): AsyncGenerator<RegisterResponse, void, undefined> {
    let own: Workload | undefined;
    let reason = "its stream ended";
    const lease = new Lease(clock);
    const iterator = requests[Symbol.asyncIterator]();
    try {
      while (true) {
        const next = await lease.bound(iterator.next());
        if (next === "expired") {
          reason = `no renewal came within ${LEASE_MS} ms`;
          throw new ConnectError(reason, Code.DeadlineExceeded);
        }
        if (next.done) return;
        lease.renew();
        const { workload } = next.value;
        if (workload !== undefined) {
          const isNew = own === undefined;
          own = put(workload, own);
          if (isNew) {
            const { address, port } = workload;
            onEvent({
              kind: "registered",
              name: own.name,
              address: `${address}:${port}`,
              interfaces: workload.interfaces,
            });
          }
        } else if (own === undefined) {
          throw new ConnectError("the first request must carry a workload", Code.InvalidArgument);
        }
        yield create(RegisterResponseSchema, { leaseMs: LEASE_MS });
      }
    } catch (error) {
      if (context.signal.aborted) reason = "its connection was lost";
      throw error;
    } finally {
      lease.end();
      // Unless another stream has taken the name over.
      if (own !== undefined && workloads.get(own.name) === own) {
        workloads.delete(own.name);
        onChange();
        onEvent({ kind: "unregistered", name: own.name, reason });
      }
    }
  }

  const put = (message: WorkloadMessage, previous: Workload | undefined): Workload => {
    const complaint = complaintOf(message);
    if (complaint !== undefined) throw new ConnectError(complaint, Code.InvalidArgument);
    const { name, address, port, labels, weight, health, locality } = message;
    const workload: Workload = {
      name,
      namespace,
      address,
      labels: {
        ...labels,
        ...Object.fromEntries(message.interfaces.map((typeName) => [interfaceLabel(typeName), "1"])),
      },
      weight: Math.max(1, weight),
      locality: { region: locality?.region ?? "", zone: locality?.zone ?? "", subZone: locality?.subZone ?? "" },
      isDraining: health === Health.DRAINING,
      portFor: () => port,
    };
    // Unless another stream has taken the old name over.
    if (previous !== undefined && previous.name !== name && workloads.get(previous.name) === previous) {
      workloads.delete(previous.name);
    }
    workloads.set(name, workload);
    for (const typeName of message.interfaces) interfaces.add(typeName);
    onChange();
    return workload;
  };

  return {
    registration: implementService(describeService(RegistryService), { register }) as ServiceRegistration,
    get registrations() {
      return { workloads: [...workloads.values()], interfaces };
    },
  };
}

/** The time that a registration has left. */
class Lease {
  readonly #clock: Clock;
  #expire: (() => void) | undefined;
  #timer: Timer | undefined;
  #isExpired = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.renew();
  }

  /** What `work` brings, or "expired" when no renewal came in time. One at a time. */
  bound<T>(work: Promise<T>): Promise<T | "expired"> {
    if (this.#isExpired) return Promise.resolve("expired");
    return new Promise((resolve, reject) => {
      this.#expire = () => resolve("expired");
      work.then(resolve, reject);
    });
  }

  renew(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(LEASE_MS, () => {
      this.#isExpired = true;
      this.#expire?.();
    });
  }

  end(): void {
    this.#timer?.cancel();
  }
}

function complaintOf({ name, address, port, interfaces }: WorkloadMessage): string | undefined {
  if (name === "") return "workload.name is empty";
  if (address === "") return `workload "${name}": address is empty`;
  if (port < 1 || port > 65_535) return `workload "${name}": port ${port} must be in 1 to 65535`;
  return interfaces.length === 0 ? `workload "${name}": interfaces is empty, expected one at least` : undefined;
}
