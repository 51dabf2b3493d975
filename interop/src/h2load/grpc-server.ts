// A gRPC server for load tools: node grpc-server.js [--tls]. Tells its address to the parent process.
import { createServer } from "@meshwright/runtime";
import { createTestCa } from "../certificates.js";
import { interopService } from "../gen/meshwright/interop/v1/interop_mesh.js";
import { interopHandlers } from "../handlers.js";

const ca = await createTestCa();
const tls = process.argv.includes("--tls") ? { tls: await ca.issue({ ip: ["127.0.0.1"] }) } : {};
const unary = ({ text }: { readonly text: string }): { text: string } => {
  // A tool that counts HTTP statuses does not see a failed call: the process ends instead.
  if (text !== "load") process.exit(3);
  return { text };
};
const server = createServer({ services: [interopService({ ...interopHandlers, unary })], ...tls });
process.send?.(await server.listen("127.0.0.1:0"));
process.on("disconnect", () => process.exit(0));
