import { createVirtualClock, type VirtualClock } from "../../testing/virtual-clock.js";
import { createHttp2Connection } from "../connection.js";
import type { ConnectionError, HeaderFields, Http2Connection, Http2Options, Http2Stream } from "../types.js";
import { REQUEST, RecordedStream } from "./scripted-peer.js";

/** Cuts output into the pieces in which the other side receives it. */
export type Cut = (bytes: Buffer) => Buffer[];

/** What a {@link connectionPair} is made of. */
export interface PairOptions {
  readonly client?: Http2Options;
  readonly server?: Http2Options;
  readonly cut?: Cut;
  /** Runs when a request arrived, before `onStream` returns. */
  readonly onRequest?: (recorded: RecordedStream, stream: Http2Stream) => void;
}

/** One of the two connections, with what its handler was told. */
export interface Side {
  readonly connection: Http2Connection;
  readonly closed: (ConnectionError | undefined)[];
}

/** A client and a server back to back, without a socket between them. */
export interface ConnectionPair {
  readonly clock: VirtualClock;
  readonly client: Side;
  readonly server: Side;
  /** The streams that the server accepted, in order. */
  readonly requests: RecordedStream[];
  /** Opens a stream of the client. */
  open(fields?: HeaderFields, endStream?: boolean): RecordedStream;
  /** Carries output both ways until nobody has any. */
  pump(): void;
}

/** Makes a pair that has shaken hands. */
export function connectionPair({ client, server, cut = (bytes) => [bytes], onRequest }: PairOptions): ConnectionPair {
  const clock = createVirtualClock();
  const requests: RecordedStream[] = [];
  const side = (role: "client" | "server", options: Http2Options = {}): Side => {
    const closed: (ConnectionError | undefined)[] = [];
    const connection = createHttp2Connection({
      role,
      clock,
      rng: () => 0.5,
      options,
      handler: {
        onOutput: () => {},
        onCapacity: () => {},
        onClose: (error) => closed.push(error),
        onStream: (stream, fields, endStream) => {
          const recorded = new RecordedStream();
          recorded.stream = stream;
          recorded.onHeaders(fields, endStream);
          requests.push(recorded);
          onRequest?.(recorded, stream);
          return recorded;
        },
      },
    });
    return { connection, closed };
  };
  const left = side("client", client);
  const right = side("server", server);
  const carry = (from: Side, to: Side): boolean => {
    const pieces: Buffer[] = [];
    from.connection.takeOutput((bytes) => pieces.push(Buffer.from(bytes)));
    const output = Buffer.concat(pieces);
    if (output.length > 0) for (const piece of cut(output)) to.connection.receive(piece);
    return output.length > 0;
  };
  const pump = (): void => {
    let isMoving = true;
    while (isMoving) {
      const didClient = carry(left, right);
      isMoving = carry(right, left) || didClient;
    }
  };
  pump();
  return {
    clock,
    client: left,
    server: right,
    requests,
    pump,
    open: (fields = REQUEST, endStream = false) => {
      const recorded = new RecordedStream();
      recorded.stream = left.connection.openStream({ fields }, undefined, endStream, recorded);
      return recorded;
    },
  };
}
