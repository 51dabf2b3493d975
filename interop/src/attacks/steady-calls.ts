import { create, toBinary } from "@bufbuild/protobuf";
import {
  type HeaderTemplate,
  type Http2Connection,
  nodeNetwork,
  openHttp2Session,
  PREFIX_BYTES,
  parseAddress,
  systemClock,
  systemRng,
  writeMessagePrefix,
} from "@meshwright/runtime/wire";
import { interopPaths } from "../gen/meshwright/interop/v1/interop_mesh.js";
import { UnaryRequestSchema } from "../gen/meshwright/interop/v1/interop_pb.js";

/** How a number of calls went. */
export interface CallStats {
  readonly calls: number;
  readonly failures: number;
  /** The reason of the first failure. */
  readonly failure: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const TEMPLATE: HeaderTemplate = {
  fields: [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", interopPaths.unary],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ].flat(),
};
const TIMEOUT_MS = 10_000;

/**
 * A user who makes unary calls at a steady rate on one connection of its own, whatever becomes of the calls before: a
 * server that stands still is seen by every call that falls into that time.
 */
export class SteadyCalls {
  readonly #address: string;
  readonly #message: Uint8Array;
  readonly #prefix = new Uint8Array(PREFIX_BYTES);
  #connection: Http2Connection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timesMs: number[] = [];
  #failures: string[] = [];
  #pending = new Set<Promise<void>>();

  constructor(address: string) {
    this.#address = address;
    this.#message = toBinary(UnaryRequestSchema, create(UnaryRequestSchema, { text: "hello" }));
  }

  /** Makes calls from now on. */
  async start(callsPerSecond: number): Promise<void> {
    await this.#connect();
    let due = performance.now();
    this.#timer = setInterval(() => {
      for (const now = performance.now(); due <= now; due += 1000 / callsPerSecond) this.#start();
    }, 1);
  }

  /** How the calls since it was last asked went; waits for those under way. */
  async stats(): Promise<CallStats> {
    const timesMs = this.#timesMs;
    const failures = this.#failures;
    const pending = this.#pending;
    this.#timesMs = [];
    this.#failures = [];
    this.#pending = new Set();
    await Promise.all(pending);
    timesMs.sort((a, b) => a - b);
    const quantile = (fraction: number): number => timesMs[Math.floor(timesMs.length * fraction)] ?? 0;
    return {
      calls: timesMs.length + failures.length,
      failures: failures.length,
      failure: failures[0] ?? "",
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
      maxMs: timesMs.at(-1) ?? 0,
    };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#connection?.close(0, "enough");
    this.#connection = undefined;
  }

  async #connect(): Promise<void> {
    const address = parseAddress(this.#address);
    if (address === undefined) throw new Error(`no address: ${this.#address}`);
    const stream = await nodeNetwork.connect(address, { timeoutMs: TIMEOUT_MS });
    const connection = openHttp2Session({
      role: "client",
      stream,
      clock: systemClock,
      rng: systemRng,
      handler: {
        onStream: () => ({ onHeaders() {}, onData() {}, onWritable() {}, onClose() {} }),
        onCapacity() {},
        onClose: () => {
          if (this.#connection === connection) this.#connection = undefined;
        },
      },
    });
    this.#connection = connection;
  }

  #start(): void {
    const timesMs = this.#timesMs;
    const failures = this.#failures;
    const pending = this.#pending;
    const startMs = performance.now();
    const call = this.#call().then(
      () => {
        timesMs.push(performance.now() - startMs);
      },
      (error: unknown) => {
        failures.push(String(error));
      },
    );
    pending.add(call);
    void call.then(() => pending.delete(call));
  }

  #call(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || !connection.canOpenStream) {
      return Promise.reject(new Error("the connection takes no call"));
    }
    return new Promise((resolve, reject) => {
      let status = "no status";
      const timer = setTimeout(() => reject(new Error(`no answer in ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
      const stream = connection.openStream(TEMPLATE, undefined, false, {
        onHeaders: (fields, endStream) => {
          if (endStream) status = fields[fields.indexOf("grpc-status") + 1] ?? status;
        },
        onData: (bytes) => stream.consume(bytes.byteLength),
        onWritable() {},
        onClose: (error) => {
          clearTimeout(timer);
          if (error !== undefined) reject(new Error(error.message));
          else if (status !== "0") reject(new Error(`grpc-status ${status}`));
          else resolve();
        },
      });
      writeMessagePrefix(this.#prefix, false, this.#message.byteLength);
      stream.sendData(this.#message, true, this.#prefix);
    });
  }
}
