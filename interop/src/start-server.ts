import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ToolError } from "./workspace.js";

/** A server process that was started for a foreign tool. */
export interface ServerProcess extends Disposable {
  readonly host: string;
  readonly port: number;
}

/** Starts `file`, a path in dist/, as a process; it tells its address by IPC and ends when the channel does. */
export function startServer(file: string, args: readonly string[]): Promise<ServerProcess> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = fork(path, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    child.once("exit", (code) => reject(new ToolError(`${file} ended with exit code ${code} before it listened`)));
    child.once("message", (address) => {
      const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(String(address)) ?? [];
      child.removeAllListeners("exit");
      resolve({ host, port: Number(port), [Symbol.dispose]: () => child.disconnect() });
    });
  });
}
