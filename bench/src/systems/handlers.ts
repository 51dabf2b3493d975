import type { InteropHandlers } from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";

/** What servers with Connect's kind of handlers do. */
export const handlers: Pick<InteropHandlers, "unary" | "serverStream" | "clientStream"> = {
  unary: ({ payload }) => ({ payload }),
  async *serverStream({ count, payloadBytes }) {
    const payload = new Uint8Array(payloadBytes);
    for (let index = 0; index < count; index += 1) yield { payload };
  },
  async clientStream(requests) {
    let messages = 0;
    let bytes = 0;
    for await (const { payload } of requests) {
      messages += 1;
      bytes += payload.byteLength;
    }
    return { messages, bytes: BigInt(bytes) };
  },
};
