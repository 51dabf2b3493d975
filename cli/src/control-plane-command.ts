import { once } from "node:events";
import { stat } from "node:fs/promises";
import { parseArgs } from "node:util";
import { type ControlPlaneEvent, createControlPlane, type Problem } from "@meshwright/control-plane";
import { UsageError } from "./usage-error.js";

const HELP = `Usage: meshwright control-plane [options]

Reads a folder of Istio YAML (ServiceEntry, WorkloadEntry, VirtualService, DestinationRule), follows its changes, and
serves xDS. Servers register themselves with it. What is wrong in a file is told with its line; the last good
configuration stays in force.

Options:
  --dir DIR            the folder; without it there are only the servers that register
  --listen HOST:PORT   where to serve, default 127.0.0.1:15010; port 0 picks a free one
  --namespace NS       to which short host names belong, default "default"
  -h, --help           this text
`;

/** `meshwright control-plane`: runs until it is told to end. */
export async function controlPlaneCommand(args: string[]): Promise<number> {
  const { dir, listen, namespace, help } = parse(args);
  if (help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  if (dir !== undefined) await checkFolder(dir);
  const controlPlane = await createControlPlane({
    ...(dir === undefined ? {} : { directory: dir }),
    ...(listen === undefined ? {} : { listen }),
    ...(namespace === undefined ? {} : { namespace }),
    onEvent: (event) => {
      const line = describe(event);
      if (line !== undefined) say(line);
    },
  });
  say(
    `control plane on ${controlPlane.address}, ${dir === undefined ? "no configuration" : `configuration in ${dir}`}`,
  );
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  await controlPlane.close();
  return 0;
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        dir: { type: "string" },
        listen: { type: "string" },
        namespace: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`control-plane: ${reason}; see meshwright control-plane --help`);
  }
}

async function checkFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() === true) return;
  const what = found === undefined ? "does not exist" : "is not a folder";
  throw new Error(`--dir ${folder}: ${what}; name a folder of Istio YAML files`);
}

/** One line for people, or several when there is that much to say. Undefined for what nobody needs to know. */
function describe(event: ControlPlaneEvent): string | undefined {
  switch (event.kind) {
    case "applied":
      return [
        `configuration ${event.generation} is in force: ${event.objects} objects`,
        ...event.warnings.map(problem),
      ].join("\n");
    case "rejected":
      return ["the files have errors, the last good configuration stays in force:", ...event.errors.map(problem)].join(
        "\n",
      );
    case "registered":
      return `${event.name} registered ${event.interfaces.join(", ")} at ${event.address}`;
    case "unregistered":
      return `${event.name} left: ${event.reason}`;
    case "nacked":
      return `${event.nodeId} refused ${event.type}: ${event.message}`;
    case "connected":
      return `${event.nodeId} connected`;
    case "disconnected":
      return `${event.nodeId} disconnected`;
  }
}

function problem({ severity, where, message }: Problem): string {
  return `  ${where}: ${severity}: ${message}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
