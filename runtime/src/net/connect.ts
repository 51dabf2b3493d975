import { createConnection, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { systemClock } from "../base/clock.js";
import { type Address, type ByteStream, type ConnectOptions, formatAddress } from "../base/network.js";
import type { ClientTls } from "../base/tls.js";
import { describeError } from "./describe-error.js";
import { expectedNames } from "./peer-identity.js";
import { ReadBuffer } from "./read-buffer.js";
import { SocketStream } from "./socket-stream.js";
import { explainTlsError } from "./tls-error.js";
import { clientTlsOptions, secureContextOf } from "./tls-options.js";
import { checkPeer, type PeerCheck } from "./tls-peer.js";

/** A socket on its way, and how it gets there. */
interface Dial {
  readonly socket: Socket;
  /** The event of the socket that tells that it can be used. */
  readonly readyEvent: "connect" | "secureConnect";
  readonly readBuffer: ReadBuffer;
  /** Whether the peer may stay, asked once when the socket is ready. Absent: plaintext. */
  check?(): PeerCheck;
  /** Why the socket failed, for people. */
  describe(error: Error): string;
}

/** See `Network.connect`. */
export async function connect(address: Address, { timeoutMs, signal, tls }: ConnectOptions): Promise<ByteStream> {
  const dialed = tls === undefined ? dialPlain(address) : dialTls(address, tls);
  return new Promise((resolve, reject) => {
    const { socket } = dialed;
    const settle = (): void => {
      timer.cancel();
      socket.removeListener("error", onError);
      signal?.removeEventListener("abort", onAbort);
    };
    const fail = (reason: string, cause?: unknown): void => {
      settle();
      // The socket may still report its own end; nobody listens any more.
      socket.on("error", () => {});
      socket.destroy();
      reject(failure(address, reason, cause));
    };
    const onError = (error: Error): void => fail(dialed.describe(error), error);
    const onAbort = (): void => fail("the attempt was given up");
    socket.once("error", onError);
    const timer = systemClock.setTimer(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`));
    socket.once(dialed.readyEvent, () => {
      const checked = dialed.check?.();
      if (checked?.kind === "refused") return fail(checked.reason);
      settle();
      resolve(new SocketStream(socket, checked?.facts, dialed.readBuffer));
    });
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort);
  });
}

function dialPlain(address: Address): Dial {
  const readBuffer = new ReadBuffer();
  const { onread } = readBuffer;
  const socket =
    address.kind === "tcp"
      ? createConnection({ host: address.host, port: address.port, noDelay: true, onread })
      : createConnection({ path: address.path, onread });
  return { socket, readyEvent: "connect", readBuffer, describe: describeError };
}

function dialTls(address: Address, tls: ClientTls): Dial {
  const host = address.kind === "tcp" ? address.host : undefined;
  try {
    // Mistakes in the options show before anything is sent.
    const expected = expectedNames(tls, host);
    const options = clientTlsOptions(tls, host);
    const secureContext = secureContextOf(options);
    const target = address.kind === "tcp" ? { host: address.host, port: address.port } : { path: address.path };
    const readBuffer = new ReadBuffer();
    // Node's types for TLS leave this option of sockets out.
    const { onread } = readBuffer;
    const all = { ...options, ...target, secureContext, onread };
    const socket = connectTls(all);
    return {
      socket,
      readyEvent: "secureConnect",
      readBuffer,
      check: () => checkPeer(socket, expected),
      describe: explainTlsError,
    };
  } catch (error) {
    throw failure(address, error instanceof Error ? error.message : String(error), error);
  }
}

function failure(address: Address, reason: string, cause?: unknown): Error {
  return new Error(`can't connect to ${formatAddress(address)}: ${reason}`, cause === undefined ? {} : { cause });
}
