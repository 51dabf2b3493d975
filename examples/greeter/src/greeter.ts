import { setTimeout as sleep } from "node:timers/promises";
import type { GreeterHandlers } from "./gen/acme/greet/v1/greet_mesh.js";

/** Who answers: it is part of every greeting, so that a client sees where its call went. */
export interface GreeterIdentity {
  /** "v1" or "v2": the label that DestinationRule subsets select by. */
  readonly version: string;
  /** Name of the process. */
  readonly instance: string;
}

/** The handlers of `acme.greet.v1.GreeterService`. */
export function greeter({ version, instance }: GreeterIdentity): GreeterHandlers {
  const greet = (name: string): string => (version === "v1" ? `hello ${name}` : `good day, ${name}`);
  return {
    sayHello: ({ name }) => ({ text: greet(name), version, instance }),
    async *sayHelloMany({ name, count }, { signal }) {
      for (let sent = 0; sent < count && !signal.aborted; sent += 1) {
        yield { text: greet(name) };
        await sleep(10, undefined, { signal });
      }
    },
    async sayHelloToAll(requests) {
      const names: string[] = [];
      for await (const { name } of requests) names.push(name);
      return { text: greet(names.join(" and ")) };
    },
    async *chat(requests) {
      for await (const { name } of requests) yield { text: greet(name) };
    },
  };
}
