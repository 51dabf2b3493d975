import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createControlPlane } from "@meshwright/control-plane";
import { interopMesh, interopService } from "@meshwright/interop/gen/meshwright/interop/v1/interop_mesh";
import { interopHandlers } from "@meshwright/interop/handlers";
import { createMesh } from "@meshwright/runtime";
import { expect, it } from "vitest";

const CLIENT = fileURLToPath(new URL("../dist/grpc-js-xds-client.js", import.meta.url));
const CALLS = 2000;
const { host, port } = interopMesh;

const YAML = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: interop
spec:
  hosts: [${host}]
  resolution: STATIC
  location: MESH_INTERNAL
  ports: [{number: ${port}, name: grpc, protocol: GRPC}]
  workloadSelector: {labels: {rpc.meshwright.dev/meshwright.interop.v1.InteropService: "1"}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: interop
spec:
  host: ${host}
  subsets:
    - {name: v1, labels: {version: v1}}
    - {name: v2, labels: {version: v2}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: interop
spec:
  hosts: [${host}]
  http:
    - route:
        - {destination: {host: ${host}, subset: v1}, weight: 90}
        - {destination: {host: ${host}, subset: v2}, weight: 10}
`;

it("gives @grpc/grpc-js-xds the same 90/10 split from our control plane", { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "meshwright-xds-"));
  await writeFile(join(folder, "interop.yaml"), YAML);
  await using controlPlane = await createControlPlane({ directory: folder, listen: "127.0.0.1:0" });
  await using mesh = await createMesh({ controlPlane: controlPlane.address });
  for (const version of ["v1", "v2"]) {
    await mesh.serve({
      port: 0,
      services: [interopService({ ...interopHandlers, unary: () => ({ text: version }) })],
      registration: { name: version, labels: { version } },
    });
  }
  const bootstrap = {
    xds_servers: [
      { server_uri: controlPlane.address, channel_creds: [{ type: "insecure" }], server_features: ["xds_v3"] },
    ],
    // grpc-js-xds fails every call when the locality is missing.
    node: { id: "sidecar~127.0.0.1~foreign.default~default.svc.cluster.local", locality: { region: "here" } },
  };
  const { stdout } = await promisify(execFile)(process.execPath, [CLIENT, `${host}:${port}`, String(CALLS)], {
    env: { ...process.env, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap) },
  });
  const counts = JSON.parse(stdout) as Record<string, number>;
  expect(Object.keys(counts).sort()).toEqual(["v1", "v2"]);
  // Four standard deviations of a binomial share: chance alone leaves them once in 16,000 runs.
  const allowed = 4 * Math.sqrt((0.9 * 0.1) / CALLS);
  expect(Math.abs((counts["v1"] ?? 0) / CALLS - 0.9)).toBeLessThanOrEqual(allowed);
  expect(controlPlane.status.clients.every(({ types }) => types.every(({ problem }) => problem === ""))).toBe(true);
  await rm(folder, { recursive: true });
});
