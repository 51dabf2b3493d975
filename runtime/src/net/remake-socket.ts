import { Socket } from "node:net";
import type { ReadBuffer } from "./read-buffer.js";

/** What a socket of Node's is made of. */
interface Handle {
  useUserBuffer(buffer: Uint8Array): void;
}

/**
 * Makes the socket of an accepted connection anew, so that it reads into `readBuffer`: Node takes `onread` for sockets that
 * one makes oneself, and not for those that a server makes. `accepted` must not have been read from (`pauseOnConnect`) and
 * is of no more use. Undefined, and `accepted` as it was, on a Node whose sockets are made of something else: it has no
 * public name for that.
 */
export function remakeSocket(accepted: Socket, { onread }: ReadBuffer): Socket | undefined {
  const handle: unknown = Reflect.get(accepted, "_handle");
  if (!isHandle(handle)) return undefined;
  Reflect.set(accepted, "_handle", null);
  const options = { handle, onread, allowHalfOpen: accepted.allowHalfOpen };
  const socket = new Socket(options);
  // Its server counts connections by the sockets that it made.
  socket.once("close", () => accepted.destroy());
  return socket;
}

function isHandle(value: unknown): value is Handle {
  return typeof value === "object" && value !== null && "useUserBuffer" in value;
}
