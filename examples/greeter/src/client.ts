// Calls every kind of method once: node dist/client.js [NAME] [--control-plane HOST:PORT]
import { parseArgs } from "node:util";
import { createMesh } from "@meshwright/runtime";
import { createGreeterClient } from "./gen/acme/greet/v1/greet_mesh.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "control-plane": { type: "string" } },
});
const name = positionals[0] ?? "Ada";

await using mesh = await createMesh({ controlPlane: values["control-plane"] });
const greeter = createGreeterClient(mesh);

const { text, version, instance } = await greeter.sayHello({ name }, { timeoutMs: 500 });
console.log(`sayHello: ${text} (${version}, ${instance})`);

for await (const greeting of greeter.sayHelloMany({ name, count: 3 })) {
  console.log(`sayHelloMany: ${greeting.text}`);
}

async function* people(): AsyncGenerator<{ name: string }> {
  yield { name };
  yield { name: "Grace" };
}
console.log(`sayHelloToAll: ${(await greeter.sayHelloToAll(people())).text}`);
for await (const greeting of greeter.chat(people())) {
  console.log(`chat: ${greeting.text}`);
}
