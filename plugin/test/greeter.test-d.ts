import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CallOptions, Client, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { describe, expectTypeOf, it } from "vitest";
import {
  createGreeterClient,
  type GreeterClient,
  type GreeterHandlers,
  type greeterMesh,
  type greeterMethodKinds,
  type greeterPaths,
  greeterService,
} from "../../examples/greeter/src/gen/acme/greet/v1/greet_mesh.js";
import type {
  GreeterService,
  SayHelloRequest,
  SayHelloRequestSchema,
  SayHelloResponse,
  SayHelloResponseSchema,
} from "../../examples/greeter/src/gen/acme/greet/v1/greet_pb.js";

describe("a generated client", () => {
  it("is Connect's, both ways", () => {
    expectTypeOf<GreeterClient>().toExtend<Client<typeof GreeterService>>();
    expectTypeOf<Client<typeof GreeterService>>().toExtend<GreeterClient>();
    expectTypeOf<keyof GreeterClient>().toEqualTypeOf<keyof Client<typeof GreeterService>>();
  });

  it("takes what a message is made of, and gives the message", () => {
    expectTypeOf<GreeterClient["sayHello"]>()
      .parameter(0)
      .toEqualTypeOf<MessageInitShape<typeof SayHelloRequestSchema>>();
    expectTypeOf<GreeterClient["sayHello"]>().parameter(1).toEqualTypeOf<CallOptions | undefined>();
    expectTypeOf<GreeterClient["sayHello"]>().returns.toEqualTypeOf<Promise<SayHelloResponse>>();
  });

  it("is what the factory makes", () => {
    expectTypeOf(createGreeterClient).returns.toEqualTypeOf<GreeterClient>();
  });
});

describe("generated handlers", () => {
  it("are Connect's, both ways", () => {
    expectTypeOf<GreeterHandlers>().toExtend<ServiceImpl<typeof GreeterService>>();
    expectTypeOf<ServiceImpl<typeof GreeterService>>().toExtend<GreeterHandlers>();
  });

  it("take the message, and give what a message is made of", () => {
    expectTypeOf<GreeterHandlers["sayHello"]>().parameters.toEqualTypeOf<
      [request: SayHelloRequest, context: HandlerContext]
    >();
    expectTypeOf<GreeterHandlers["sayHello"]>().returns.toEqualTypeOf<
      MessageInitShape<typeof SayHelloResponseSchema> | Promise<MessageInitShape<typeof SayHelloResponseSchema>>
    >();
  });

  it("must be complete", () => {
    expectTypeOf(greeterService).parameter(0).toEqualTypeOf<GreeterHandlers>();
    expectTypeOf<Pick<GreeterHandlers, "sayHello">>().not.toExtend<GreeterHandlers>();
    expectTypeOf(greeterService).returns.toHaveProperty("service").toEqualTypeOf<typeof greeterMesh>();
  });
});

describe("generated constants", () => {
  it("are literals", () => {
    expectTypeOf<(typeof greeterPaths)["sayHello"]>().toEqualTypeOf<"/acme.greet.v1.GreeterService/SayHello">();
    expectTypeOf<(typeof greeterMethodKinds)["chat"]>().toEqualTypeOf<"bidi_streaming">();
    expectTypeOf<(typeof greeterMesh)["service"]>().toEqualTypeOf<typeof GreeterService>();
  });
});
