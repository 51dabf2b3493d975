import type { ConnectOrder, ServeOrder } from "../processes/protocol.js";

/** A connected client. Each method makes one call. */
export interface Caller {
  /** Sends a payload; resolves with the size of the one that came back. */
  unary(payload: Uint8Array): Promise<number>;
  /** Asks for messages; resolves with how many came. */
  serverStream(messages: number, payloadBytes: number): Promise<number>;
  /** Sends a payload so many times; resolves with the bytes that the server counted. */
  clientStream(messages: number, payload: Uint8Array): Promise<number>;
}

/** Both sides of a system that is measured. */
export interface SystemUnderTest {
  /** Starts a server; resolves with its address. */
  serve(order: ServeOrder): Promise<string>;
  connect(order: ConnectOrder): Promise<Caller>;
}
