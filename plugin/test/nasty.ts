// Protos that give a generator every chance to go wrong, and code that holds the result to its promises.
import type { Files } from "./buf.js";

const RESERVED_WORDS = [
  ..."abstract accessor any apply arguments as assert asserts async await bigint bind boolean break call callee".split(
    " ",
  ),
  ..."caller case catch class const constructor continue debugger declare default delete do else enum eval".split(" "),
  ..."export extends false finally for from function get global globalThis hasOwnProperty if implements import".split(
    " ",
  ),
  ..."in infer instanceof interface is isPrototypeOf keyof length let module name namespace never new null".split(" "),
  ..."number object of out override package private protected prototype public readonly require return".split(" "),
  ..."satisfies set static string super switch symbol this throw toJSON toLocaleString toString true try".split(" "),
  ..."type typeof undefined unique unknown using valueOf var void while with yield".split(" "),
];
const upperFirst = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
const DOLLAR = "$";
const HOSTILE = `*/ export const evil = 1; /* ${DOLLAR}{evil} \`evil\` \\ " ' </script>`;

// Names that generated code uses itself, or that TypeScript does not let anyone declare as a type.
const TAKEN_NAMES = [
  ..."AsyncIterable CallOptions ClientMesh Function HandlerContext MeshService MessageInitShape Object Promise".split(
    " ",
  ),
  ..."ServiceRegistration TakenClient TakenHandlers Uint8Array defineService handlers implementService mesh".split(" "),
  ..."takenMesh takenPaths takenService".split(" "),
];

export const NASTY_PROTOS: Files = {
  "proto/acme/class/delete/v1/kinds.proto": `// ${HOSTILE}
syntax = "proto3";
// ${HOSTILE}
package acme.class.delete.v1;
import "acme/other/v1/other.proto";
import "google/protobuf/any.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/wrappers.proto";
import "meshwright/options/v1/options.proto";

// ${HOSTILE}
service KindsService {
  option (meshwright.options.v1.service) = { host: "kinds.shop.svc.cluster.local" port: 8443 };
  // ${HOSTILE}
  rpc One(Outer) returns (Outer.Inner) {
    option idempotency_level = IDEMPOTENT;
    option (meshwright.options.v1.method).timeout_ms = 1500;
  }
  rpc Down(acme.other.v1.Outer) returns (stream google.protobuf.Any); // ${HOSTILE}
  rpc Up(stream google.protobuf.StringValue) returns (google.protobuf.Empty);
  rpc Both(stream Outer.Inner) returns (stream acme.other.v1.Outer) { option deprecated = true; }
}
// Nothing yet.
service EmptyService {}
message Outer { message Inner { string constructor = 1; optional Outer outer = 2; } Inner inner = 1; }
`,
  "proto/acme/class/delete/v1/words.proto": `syntax = "proto3";
package acme.class.delete.v1;
import "acme/other/v1/other.proto";
service WordsService {
${RESERVED_WORDS.map((word) => `  rpc ${upperFirst(word)}(acme.other.v1.Outer) returns (acme.other.v1.Outer);`).join("\n")}
}
`,
  "proto/acme/taken/v1/taken.proto": `syntax = "proto3";
package acme.taken.v1;
${TAKEN_NAMES.map((name) => `message ${name} { string text = 1; }`).join("\n")}
service TakenService {
${TAKEN_NAMES.map((name) => `  rpc Unary${name}(${name}) returns (${name});`).join("\n")}
${TAKEN_NAMES.map((name) => `  rpc Stream${name}(stream ${name}) returns (stream ${name});`).join("\n")}
}
`,
  "proto/acme/taken/v1/services.proto": `syntax = "proto3";
package acme.taken.services.v1;
message M {}
${[
  "handlers",
  "mesh",
  "createThing",
  "Thing",
  "ThingService",
  "Other",
  "otherService",
  "Function",
  "Service",
  "snake_case",
]
  .map((name) => `service ${name} { rpc Get(M) returns (M); }`)
  .join("\n")}
`,
  "proto/acme/other/v1/other.proto": `edition = "2023";
package acme.other.v1;
message Outer { string text = 1; }
service EditionService { rpc Get(Outer) returns (Outer); }
`,
  "proto/nowhere.proto": `syntax = "proto2";
message Rootless { required string text = 1; }
service Rootless2Service { rpc Get(Rootless) returns (Rootless); }
`,
};

/** Compiles only if the generated types are Connect's. `extension` is that of the imports. */
export const typeAssertions = (extension: "" | ".js"): string => `
import type { Client, ServiceImpl } from "@connectrpc/connect";
import type { ClientMesh, MeshService, ServiceRegistration } from "@meshwright/runtime/codegenv1";
import { createKindsClient, type EmptyHandlers, emptyService, type KindsClient, type KindsHandlers, kindsMesh,
  kindsMethodKinds, kindsPaths, kindsService } from "./gen/acme/class/delete/v1/kinds_mesh${extension}";
import { KindsService } from "./gen/acme/class/delete/v1/kinds_pb${extension}";
import type { WordsClient, WordsHandlers } from "./gen/acme/class/delete/v1/words_mesh${extension}";
import type { WordsService } from "./gen/acme/class/delete/v1/words_pb${extension}";
import type { TakenClient, TakenHandlers } from "./gen/acme/taken/v1/taken_mesh${extension}";
import type { TakenService } from "./gen/acme/taken/v1/taken_pb${extension}";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
// Parameters of methods are compared loosely, those in a tuple are not.
type Signatures<T> = { [K in keyof T]: T[K] extends (...args: infer A) => infer R ? [A, R] : never };

export const clients: [
  Same<Signatures<KindsClient>, Signatures<Client<typeof KindsService>>>,
  Same<Signatures<WordsClient>, Signatures<Client<typeof WordsService>>>,
  Same<Signatures<TakenClient>, Signatures<Client<typeof TakenService>>>,
] = [true, true, true];
export const handlers: [
  Same<Signatures<KindsHandlers>, Signatures<ServiceImpl<typeof KindsService>>>,
  Same<Signatures<WordsHandlers>, Signatures<ServiceImpl<typeof WordsService>>>,
  Same<Signatures<TakenHandlers>, Signatures<ServiceImpl<typeof TakenService>>>,
] = [true, true, true];

export const toConnect = (client: KindsClient): Client<typeof KindsService> => client;
export const fromConnect = (client: Client<typeof KindsService>): KindsClient => client;
export const toImplementation = (given: KindsHandlers): ServiceImpl<typeof KindsService> => given;
export const fromImplementation = (given: ServiceImpl<typeof KindsService>): KindsHandlers => given;

export const paths: Same<typeof kindsPaths.one, "/acme.class.delete.v1.KindsService/One"> = true;
export const kinds: Same<typeof kindsMethodKinds.both, "bidi_streaming"> = true;
export const mesh: Same<typeof kindsMesh, MeshService<typeof KindsService>> = true;
export const made: Same<typeof createKindsClient, (mesh: ClientMesh) => KindsClient> = true;
export const empty: ServiceRegistration = emptyService({} satisfies EmptyHandlers);

export const served: ServiceRegistration<typeof KindsService> = kindsService({
  one: ({ inner }) => ({ constructor$: inner?.constructor$ ?? "", }),
  async *down({ text }, { signal }) { if (!signal.aborted) yield { typeUrl: text }; },
  async up(requests) { for await (const { value } of requests) void value; return {}; },
  async *both(requests) { for await (const request of requests) yield { text: request.constructor$ }; },
});
// @ts-expect-error -- handlers are missing
kindsService({ one: () => ({}) });
// @ts-expect-error -- there is no such handler
kindsService({ ...fromImplementation({} as ServiceImpl<typeof KindsService>), three: () => ({}) });
export async function calls(client: KindsClient): Promise<void> {
  await client.one({ inner: { constructor$: "a" } }, { timeoutMs: 1 });
  // @ts-expect-error -- the field is a message
  await client.one({ inner: "a" });
  // @ts-expect-error -- the requests are a stream
  await client.up({});
}
`;
