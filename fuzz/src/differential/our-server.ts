import { createHttp2Connection, type StreamHandler } from "@meshwright/runtime/wire";
import { SimClock } from "../targets/connection/sim-clock.js";
import { Outcome } from "./outcome.js";

const TURNS = 4;

/** Feeds the bytes to a connection of ours. */
export function askOurServer(bytes: Buffer): Outcome {
  const outcome = new Outcome();
  const clock = new SimClock();
  const connection = createHttp2Connection({
    role: "server",
    clock,
    rng: () => 0.5,
    options: {},
    handler: {
      onOutput: () => {},
      onCapacity: () => {},
      onClose: () => {
        outcome.didClose = true;
      },
      onStream: (stream, fields, endStream): StreamHandler => {
        const state = outcome.stream(stream.id);
        state.request = fields;
        state.didEnd = endStream;
        return {
          onHeaders: (trailers, end) => {
            state.trailers = trailers;
            state.didEnd = end;
          },
          onData: (data, end) => {
            state.bodyBytes += data.byteLength;
            state.didEnd = end;
            stream.consume(data.byteLength);
          },
          onWritable: () => {},
          onClose: () => {},
        };
      },
    },
  });
  connection.receive(bytes);
  for (let turn = 0; turn < TURNS; turn++) clock.endTurn();
  const pieces: Buffer[] = [];
  connection.takeOutput((piece) => pieces.push(Buffer.from(piece)));
  outcome.sent(Buffer.concat(pieces));
  connection.transportClosed(undefined);
  outcome.didClose = !outcome.didAnswer;
  return outcome;
}
