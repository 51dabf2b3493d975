import type { ControlPlaneEvent } from "@meshwright/control-plane";

/** What a person should read of a control plane's event; undefined when it is nothing of note. */
export function describeEvent(event: ControlPlaneEvent): string | undefined {
  switch (event.kind) {
    case "applied":
      return `configuration ${event.generation} is in force`;
    case "rejected":
      return [
        "the files have errors, the last good configuration stays in force:",
        ...event.errors.map(({ where, message }) => `  ${where}: ${message}`),
      ].join("\n");
    case "unregistered":
      return `${event.name} left: ${event.reason}`;
    case "registered":
      return `${event.name} registered at ${event.address}`;
    case "nacked":
      return `${event.nodeId} refused ${event.type}: ${event.message}`;
    case "connected":
    case "disconnected":
      return undefined;
  }
}
