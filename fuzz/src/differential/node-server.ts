import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { setImmediate } from "node:timers/promises";
import { Outcome } from "./outcome.js";

/** Turns after the last sign, for events that are still under way. */
const LATE_TURNS = 4;

/** A server of node:http2, which is nghttp2, on a loopback socket: with a stream of JavaScript below it, it crashes. */
export class NodeServer implements AsyncDisposable {
  readonly #server: Http2Server;
  readonly #port: number;
  #outcome = new Outcome();

  private constructor(server: Http2Server) {
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    server.on("session", (session) => this.#accept(session));
  }

  static async listen(): Promise<NodeServer> {
    const server = createServer();
    server.on("sessionError", () => {});
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new NodeServer(server);
  }

  /** Sends the bytes on a connection of their own, and waits so long for what becomes of them. */
  async ask(bytes: Buffer, maxWaitMs: number): Promise<Outcome> {
    const outcome = new Outcome();
    this.#outcome = outcome;
    const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    let output: Buffer = Buffer.alloc(0);
    const settled = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, maxWaitMs);
      const settle = (): void => {
        clearTimeout(timer);
        resolve();
      };
      socket.on("data", (chunk: Buffer) => {
        output = Buffer.concat([output, chunk]);
        output = output.subarray(outcome.sent(output));
        if (outcome.isSettled) settle();
      });
      socket.on("error", () => {});
      socket.on("close", () => {
        if (!outcome.didAnswer) outcome.didClose = true;
        settle();
      });
    });
    socket.write(bytes);
    await settled;
    for (let turn = 0; turn < LATE_TURNS; turn++) await setImmediate();
    if (!outcome.isSettled) outcome.didClose = true;
    socket.destroy();
    return outcome;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await setImmediate();
  }

  #accept(session: ServerHttp2Session): void {
    const outcome = this.#outcome;
    session.on("error", () => {});
    session.on("stream", (stream: ServerHttp2Stream, _headers, flags: number, ...rest: unknown[]) => {
      const state = outcome.stream(stream.id ?? 0);
      state.request = rest[0] as readonly string[];
      state.didEnd = (flags & 1) !== 0;
      stream.on("error", () => {});
      stream.on("data", (data: Buffer) => {
        state.bodyBytes += data.length;
      });
      stream.on("trailers", (_trailers, _flags, ...raw: unknown[]) => {
        state.trailers = raw[0] as readonly string[];
      });
      stream.on("end", () => {
        if (!stream.aborted && stream.rstCode === 0) state.didEnd = true;
      });
    });
  }
}
