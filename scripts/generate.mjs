// Generates every protobuf binding of the workspace: offline, deterministic, nothing of it committed.
//
// The xDS messages come from the .proto files inside the npm package @grpc/grpc-js-xds. They are compiled to an image
// first so that the second step can keep only the messages in use and drop the annotations.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, "node_modules", ".bin");
const cache = join(root, ".cache");

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

function buf(...args) {
  execFileSync(join(bin, "buf"), args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
  });
}

mkdirSync(cache, { recursive: true });
rmSync(join(root, "proto", "gen"), { recursive: true, force: true });

const deps = "node_modules/@grpc/grpc-js-xds/deps/envoy-api";
const image = ".cache/xds.binpb";
buf("build", "-o", image, ...xdsFiles.flatMap((file) => ["--path", `${deps}/${file}`]));
buf(
  "generate",
  "--template",
  JSON.stringify({
    version: "v2",
    inputs: [{ binary_image: image, types: xdsTypes, exclude_types: annotations }],
    plugins: [
      {
        local: "protoc-gen-es",
        out: "proto/gen",
        opt: ["target=ts", "import_extension=js", "erasable_syntax=true"],
        strategy: "all",
        include_imports: true,
      },
    ],
  }),
);
buf("generate");

// Every folder with a buf.gen.yaml of its own stands for a user's project and is generated the way a user would.
for (const folder of ["interop", ...readdirSync(join(root, "examples")).map((name) => `examples/${name}`)]) {
  if (readdirSync(join(root, folder)).includes("buf.gen.yaml")) {
    execFileSync(join(bin, "buf"), ["generate"], {
      cwd: join(root, folder),
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
    });
  }
}
