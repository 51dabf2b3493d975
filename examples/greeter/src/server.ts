// One greeter process: node dist/server.js --version v1 --name greeter-v1-a [--control-plane HOST:PORT]
import { parseArgs } from "node:util";
import { createMesh } from "@meshwright/runtime";
import { greeterService } from "./gen/acme/greet/v1/greet_mesh.js";
import { greeter } from "./greeter.js";

const { values } = parseArgs({
  options: {
    version: { type: "string", default: "v1" },
    name: { type: "string", default: `greeter-${process.pid}` },
    "control-plane": { type: "string" },
  },
});

const mesh = await createMesh({ controlPlane: values["control-plane"] });
const server = await mesh.serve({
  port: 0,
  services: [greeterService(greeter({ version: values.version, instance: values.name }))],
  registration: { name: values.name, labels: { version: values.version } },
});
console.log(`${values.name} (${values.version}) serves on ${server.address}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    void server
      .close()
      .then(() => mesh.close())
      .then(() => process.exit(0));
  });
}
