import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase64, encodeBase64 } from "./base64.js";
import { errorToStatus, statusToError } from "./errors.js";
import { fieldsToHeaders, headersToFields, lookup, userMetadata } from "./metadata.js";
import { decodeTimeout, encodeTimeout } from "./timeout.js";

describe("grpc-timeout", () => {
  it.for([
    { timeoutMs: 0.0004, text: "1u" },
    { timeoutMs: 1.5, text: "1500u" },
    { timeoutMs: 500, text: "500000u" },
    { timeoutMs: 100_000, text: "100000m" },
    { timeoutMs: 200_000_000, text: "200000S" },
    { timeoutMs: 1e15, text: "99999999H" },
  ])("writes $timeoutMs ms as $text", ({ timeoutMs, text }) => {
    expect(encodeTimeout(timeoutMs)).toBe(text);
  });

  it("never comes back shorter", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 1e9, noNaN: true }), (timeoutMs) => {
        const decoded = decodeTimeout(encodeTimeout(timeoutMs));
        expect(decoded.kind === "ok" && decoded.timeoutMs >= timeoutMs * 0.999999).toBe(true);
      }),
    );
  });

  it.for(["", "1", "m", "123456789m", "-1m", "1.5S", "1 m", "1x"])("refuses %j (B7)", (text) => {
    expect(decodeTimeout(text)).toEqual({ kind: "invalid" });
  });
});

describe("metadata", () => {
  it("leaves out what belongs to the transport", () => {
    const fields = headersToFields({
      "X-A": "1",
      te: "x",
      "grpc-timeout": "1S",
      "user-agent": "me",
      host: "h",
      connection: "close",
    });
    expect(fields).toEqual(["x-a", "1"]);
  });

  it("refuses values that could break a header block", () => {
    expect(() => headersToFields({ "x-a": "1\r\ny: 2" })).toThrow(TypeError);
    expect(() => headersToFields({ "x a": "1" })).toThrow(TypeError);
  });

  it("joins several values of a name", () => {
    expect(lookup(["a", "1", "b", "2", "a", "3"], "a")).toBe("1,3");
    expect(fieldsToHeaders([":status", "200", "a", "1", "a", "3"]).get("a")).toBe("1, 3");
  });

  it("shows in errors what a user set, and nothing else", () => {
    const headers = userMetadata([
      ":status",
      "200",
      "content-type",
      "application/grpc",
      "grpc-status",
      "5",
      "x-a",
      "1",
    ]);
    expect([...headers]).toEqual([["x-a", "1"]]);
  });
});

describe("errors", () => {
  it("let only a ConnectError speak for itself (B10)", () => {
    expect(errorToStatus(new Error("password is 1234"))).toEqual({ code: Code.Unknown, message: "internal error" });
    expect(errorToStatus("text")).toEqual({ code: Code.Unknown, message: "internal error" });
    expect(errorToStatus(new ConnectError("gone", Code.NotFound))).toEqual({ code: Code.NotFound, message: "gone" });
  });

  it("do not fail because of broken details", () => {
    expect(statusToError({ code: 5, message: "m", details: new Uint8Array([255]) }).details).toEqual([]);
  });
});

describe("base64", () => {
  it("takes and gives every byte, with and without padding", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = encodeBase64(bytes);
        expect(text).not.toContain("=");
        expect(decodeBase64(text)).toEqual(bytes);
        expect(decodeBase64(Buffer.from(bytes).toString("base64"))).toEqual(bytes);
      }),
    );
    expect(decodeBase64("a b")).toBeUndefined();
  });
});
