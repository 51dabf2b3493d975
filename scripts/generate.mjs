// Generates every protobuf binding of the workspace: offline, deterministic, nothing of it committed.
//
// The xDS messages come from the .proto files inside the npm package @grpc/grpc-js-xds. They are compiled to an image
// first so that the second step can keep only the messages in use and drop the annotations.
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runQuietly } from "./setup/command.mjs";
import { root } from "./setup/root.mjs";

const xdsFiles = [
  "envoy/service/discovery/v3/ads.proto",
  "envoy/config/listener/v3/listener.proto",
  "envoy/config/route/v3/route.proto",
  "envoy/config/cluster/v3/cluster.proto",
  "envoy/config/endpoint/v3/endpoint.proto",
  "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
  "envoy/extensions/filters/http/router/v3/router.proto",
  "envoy/extensions/filters/http/fault/v3/fault.proto",
  "envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.proto",
  "envoy/extensions/load_balancing_policies/least_request/v3/least_request.proto",
  "envoy/extensions/load_balancing_policies/random/v3/random.proto",
  "envoy/extensions/load_balancing_policies/pick_first/v3/pick_first.proto",
];
const xdsTypes = [
  "envoy.service.discovery.v3.AggregatedDiscoveryService",
  "envoy.config.listener.v3.Listener",
  "envoy.config.route.v3.RouteConfiguration",
  "envoy.config.cluster.v3.Cluster",
  "envoy.config.endpoint.v3.ClusterLoadAssignment",
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
  "envoy.extensions.filters.http.router.v3.Router",
  "envoy.extensions.filters.http.fault.v3.HTTPFault",
  "envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin",
  "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest",
  "envoy.extensions.load_balancing_policies.random.v3.Random",
  "envoy.extensions.load_balancing_policies.pick_first.v3.PickFirst",
];
const annotations = [
  "validate.rules",
  "validate.required",
  "validate.disabled",
  "udpa.annotations",
  "xds.annotations",
  "envoy.annotations",
];

const plugin = {
  local: "protoc-gen-es",
  out: "proto/gen",
  opt: ["target=ts", "import_extension=js", "erasable_syntax=true"],
};

/** Writes proto/gen: the xDS messages in use, our own messages and the Istio subset. */
export async function generateBindings() {
  mkdirSync(join(root, ".cache"), { recursive: true });
  rmSync(join(root, "proto", "gen"), { recursive: true, force: true });
  const deps = "node_modules/@grpc/grpc-js-xds/deps/envoy-api";
  const image = ".cache/xds.binpb";
  await buf(root, "build", "-o", image, ...xdsFiles.flatMap((file) => ["--path", `${deps}/${file}`]));
  const template = {
    version: "v2",
    inputs: [{ binary_image: image, types: xdsTypes, exclude_types: annotations }],
    plugins: [{ ...plugin, strategy: "all", include_imports: true }],
  };
  await buf(root, "generate", "--template", JSON.stringify(template));
  await buf(root, "generate");
}

/** The folders with a buf.gen.yaml of their own. Each stands for a user's project. */
export function projectFolders() {
  const examples = readdirSync(join(root, "examples")).map((name) => join("examples", name));
  return ["interop", "bench", ...examples].filter((folder) => existsSync(join(root, folder, "buf.gen.yaml")));
}

/** Generates every such project the way a user would. Needs the compiled plugin. */
export async function generateProjects() {
  for (const folder of projectFolders()) await buf(join(root, folder), "generate");
}

/**
 * @param {string} cwd
 * @param {...string} args
 */
async function buf(cwd, ...args) {
  await runQuietly(["buf", ...args], { cwd, advice: "Fix the .proto file or the buf.gen.yaml named above." });
}
