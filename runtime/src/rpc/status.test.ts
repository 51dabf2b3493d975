import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../http2/types.js";
import { decodeMessage, encodeMessage, readResponseHeaders, readTrailers, statusOfStreamError } from "./status.js";

describe("readResponseHeaders", () => {
  it.for([
    { name: "gRPC", fields: [":status", "200", "content-type", "application/grpc"], encoding: "identity" },
    {
      name: "gRPC with a codec",
      fields: [":status", "200", "content-type", "application/grpc+proto"],
      encoding: "identity",
    },
    {
      name: "gzip",
      fields: [":status", "200", "content-type", "application/grpc", "grpc-encoding", "gzip"],
      encoding: "gzip",
    },
  ])("accepts $name", ({ fields, encoding }) => {
    expect(readResponseHeaders(fields)).toEqual({ kind: "ok", encoding });
  });

  it.for([
    { httpStatus: "400", code: Code.Internal },
    { httpStatus: "401", code: Code.Unauthenticated },
    { httpStatus: "403", code: Code.PermissionDenied },
    { httpStatus: "404", code: Code.Unimplemented },
    { httpStatus: "429", code: Code.Unavailable },
    { httpStatus: "502", code: Code.Unavailable },
    { httpStatus: "503", code: Code.Unavailable },
    { httpStatus: "504", code: Code.Unavailable },
    { httpStatus: "418", code: Code.Unknown },
  ])("maps HTTP status $httpStatus", ({ httpStatus, code }) => {
    expect(readResponseHeaders([":status", httpStatus, "content-type", "text/html"])).toMatchObject({
      kind: "failed",
      status: { code, message: `the server did not answer with gRPC but with HTTP status ${httpStatus}` },
    });
  });

  it("takes a gRPC status before an HTTP one", () => {
    const fields = [":status", "503", "content-type", "text/plain", "grpc-status", "8", "grpc-message", "full"];
    expect(readResponseHeaders(fields)).toEqual({ kind: "failed", status: { code: 8, message: "full" } });
  });
});

describe("readTrailers", () => {
  it.for([
    { name: "OK", fields: ["grpc-status", "0"], status: { code: 0, message: "" } },
    {
      name: "a failure",
      fields: ["grpc-status", "5", "grpc-message", "no%20such"],
      status: { code: 5, message: "no such" },
    },
    { name: "a code of Dubbo as UNKNOWN", fields: ["grpc-status", "17"], status: { code: 2, message: "" } },
    { name: "a code that is none as UNKNOWN", fields: ["grpc-status", "abc"], status: { code: 2, message: "" } },
    {
      name: "nothing as UNKNOWN (B8)",
      fields: ["x", "y"],
      status: { code: 2, message: "the server ended the call without grpc-status" },
    },
    {
      name: "broken details as none (B6)",
      fields: ["grpc-status", "3", "grpc-status-details-bin", "%%%"],
      status: { code: 3, message: "" },
    },
  ])("reads $name", ({ fields, status }) => {
    expect(readTrailers(fields)).toEqual(status);
  });
});

describe("status messages", () => {
  it("survive every text that has a UTF-8 form", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const encoded = encodeMessage(text);
        expect(encoded).toMatch(/^[\x20-\x7e]*$/);
        expect(decodeMessage(encoded)).toBe(text);
      }),
    );
  });

  it("are taken as they are when they are malformed", () => {
    expect(decodeMessage("100 % sure")).toBe("100 % sure");
    expect(encodeMessage("\ud800")).toBe("%EF%BF%BD");
  });
});

describe("statusOfStreamError", () => {
  it.for([
    { name: "REFUSED_STREAM", code: ErrorCode.REFUSED_STREAM, unprocessed: true, expected: Code.Unavailable },
    { name: "a lost connection", code: ErrorCode.CONNECT_ERROR, unprocessed: false, expected: Code.Unavailable },
    { name: "CANCEL", code: ErrorCode.CANCEL, unprocessed: false, expected: Code.Canceled },
    {
      name: "ENHANCE_YOUR_CALM",
      code: ErrorCode.ENHANCE_YOUR_CALM,
      unprocessed: false,
      expected: Code.ResourceExhausted,
    },
    {
      name: "INADEQUATE_SECURITY",
      code: ErrorCode.INADEQUATE_SECURITY,
      unprocessed: false,
      expected: Code.PermissionDenied,
    },
    { name: "PROTOCOL_ERROR", code: ErrorCode.PROTOCOL_ERROR, unprocessed: false, expected: Code.Internal },
  ])("maps $name", ({ code, unprocessed, expected }) => {
    expect(statusOfStreamError({ code, unprocessed, origin: "remote", message: "m" })).toEqual({
      code: expected,
      message: "m",
    });
  });
});
