import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it, test } from "vitest";
import { errorToStatus, statusToError } from "./errors.js";

describe("errorToStatus", () => {
  test.for([
    { name: "0, which would be a success", code: 0 },
    { name: "a negative one", code: -1 },
    { name: "one above gRPC's", code: 17 },
    { name: "none at all", code: Number.NaN },
  ])("makes UNKNOWN of a code that is no failure of gRPC: $name", ({ code }) => {
    expect(errorToStatus(new ConnectError("gone", code))).toEqual({ code: Code.Unknown, message: "gone" });
  });

  it("carries details to the other side", () => {
    const sent = new ConnectError("gone", Code.NotFound, undefined, [
      { desc: StringValueSchema, value: { value: "why" } },
    ]);
    const received = statusToError(errorToStatus(sent));
    expect(received.code).toBe(Code.NotFound);
    expect(received.findDetails(StringValueSchema)).toMatchObject([{ value: "why" }]);
  });

  it("leaves out details that can't be written, and keeps the status", () => {
    const value = { value: Symbol("no text") as unknown as string };
    const error = new ConnectError("gone", Code.NotFound, undefined, [{ desc: StringValueSchema, value }]);
    expect(errorToStatus(error)).toEqual({ code: Code.NotFound, message: "gone" });
  });
});
