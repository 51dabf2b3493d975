import type { Mesh } from "@meshwright/runtime";
import { GREETER_HOST } from "./virtual-service.js";

/** The split that the route for everybody has in the configuration in force, as shares by subset. */
export function configuredSplit(mesh: Mesh): Readonly<Record<string, number>> | undefined {
  const target = mesh.status.targets.find(({ target: name }) => name.startsWith(GREETER_HOST));
  const action = target?.config?.virtualHost.routes.at(-1)?.action;
  if (action?.kind !== "forward") return undefined;
  const total = action.clusters.reduce((sum, { weight }) => sum + weight, 0);
  return Object.fromEntries(action.clusters.map(({ name, weight }) => [name.split("|")[2] ?? name, weight / total]));
}
