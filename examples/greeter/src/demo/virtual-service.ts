import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Mesh host of the greeter interface. */
export const GREETER_HOST = "acme.greet.v1.greeterservice.rpc.mesh";

/** How the VirtualService splits the calls, in percent. */
export interface Split {
  readonly v1: number;
  readonly v2: number;
}

/** Name of the route that carries a split; a call's decision shows it. */
export function routeName({ v1, v2 }: Split): string {
  return `split-${v1}-${v2}`;
}

/** The VirtualService as a person would write it. */
export function virtualServiceYaml(split: Split): string {
  return `# Edit the weights, save, and watch the traffic follow.
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: greeter
spec:
  hosts:
    - ${GREETER_HOST}
  http:
    - name: admin-to-v2
      match:
        - headers:
            user:
              exact: admin
      route:
        - destination:
            host: ${GREETER_HOST}
            subset: v2
    - name: ${routeName(split)}
      route:
        - destination:
            host: ${GREETER_HOST}
            subset: v1
          weight: ${split.v1}
        - destination:
            host: ${GREETER_HOST}
            subset: v2
          weight: ${split.v2}
`;
}

/** Replaces the VirtualService file in one step, as an editor does. */
export async function writeVirtualService(folder: string, split: Split): Promise<void> {
  const file = join(folder, "virtual-service.yaml");
  const draft = join(folder, ".virtual-service.yaml.draft");
  await writeFile(draft, virtualServiceYaml(split));
  await rename(draft, file);
}
