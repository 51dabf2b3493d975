import type { InteropClient } from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
import type { Caller } from "./system.js";

/** Calls with Connect's kind of client, ours or theirs. */
export function connectCaller(client: Pick<InteropClient, "unary" | "serverStream" | "clientStream">): Caller {
  return {
    unary: async (payload) => (await client.unary({ payload })).payload.byteLength,
    async serverStream(count, payloadBytes) {
      let messages = 0;
      for await (const { payload } of client.serverStream({ count, payloadBytes })) {
        if (payload.byteLength === payloadBytes) messages += 1;
      }
      return messages;
    },
    async clientStream(messages, payload) {
      async function* requests() {
        for (let index = 0; index < messages; index += 1) yield { payload };
      }
      return Number((await client.clientStream(requests())).bytes);
    },
  };
}
