import { afterEach, describe, expect, it } from "vitest";
import type { RecordedStream } from "../http2/test/scripted-peer.js";
import { ErrorCode } from "../http2/types.js";
import { note, textOf } from "./test/echo-service.js";
import { framed, NOTHING_LEFT, Served, statusOf } from "./test/served.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const CHAT = { ":path": "/test.Echo/Chat" };
const STALL_MS = 5000;

let served: Served | undefined;

afterEach(async () => {
  expect(await served?.stop()).toEqual(NOTHING_LEFT);
});

/** A server whose unary calls answer with the length of their text, and whose streams read when they are told to. */
async function serve(): Promise<{ running: Served; readStreams: () => void }> {
  let readStreams = (): void => {};
  const gate = new Promise<void>((resolve) => {
    readStreams = resolve;
  });
  const implementation = {
    say: (request: object) => note(String(textOf(request).length)),
    async *chat(requests: AsyncIterable<object>) {
      await gate;
      let length = 0;
      for await (const request of requests) length += textOf(request).length;
      yield note(String(length));
    },
  };
  served = await new Served(implementation).start();
  return { running: served, readStreams };
}

async function settle(running: Served, answers: readonly RecordedStream[]): Promise<void> {
  for (let turn = 0; turn < 2000 && !answers.every(({ didEnd }) => didEnd); turn += 1) await running.clock.advance(0);
}

const codesOf = (answers: readonly RecordedStream[]) => answers.map((answer) => statusOf(answer).code);

describe("what a server keeps for a connection", () => {
  it("A20: lets 64 uploads of 4 MiB at once arrive, all of them", async () => {
    const { running } = await serve();
    const length = 4 * MIB - 16;
    const body = framed("x".repeat(length));
    const answers: RecordedStream[] = [];
    for (let count = 0; count < 64; count += 1) answers.push(await running.send({ body }));
    await settle(running, answers);
    expect(new Set(codesOf(answers))).toEqual(new Set(["0"]));
    expect(answers.every(({ body: [first] }) => first?.includes(String(length)))).toBe(true);
    expect(running.closed).toEqual([]);
  });

  it("A20: holds back messages that are never finished, and ends those that stand in the way of others", async () => {
    const { running } = await serve();
    const part = framed("x".repeat(256 * KIB)).subarray(0, 255 * KIB);
    const answers: RecordedStream[] = [];
    for (let count = 0; count < 100; count += 1) answers.push(await running.send({ body: part, endStream: false }));
    expect(running.limits).toEqual(["unfinished_message_bytes"]);
    expect(statusOf(await running.send({ body: framed("hello") })).code).toBe("0");
    const upload = await running.send({ body: framed("x".repeat(MIB)) });
    expect(upload.didEnd).toBe(false);
    // Fifteen at a time: what stands still goes, and what waits gets its place.
    for (let round = 0; round < 20 && !upload.didEnd; round += 1) await running.clock.advance(STALL_MS);
    expect(statusOf(upload).code).toBe("0");
    expect(codesOf(answers).filter((code) => code === "8").length).toBeGreaterThan(80);
    expect(running.closed).toEqual([]);
    for (const answer of answers) await running.reset(answer, ErrorCode.CANCEL);
  });

  it("A20: leaves an unfinished message alone as long as nobody waits for its room", async () => {
    const { running } = await serve();
    const body = framed("x".repeat(4 * MIB - 16));
    const slow = await running.send({ body: body.subarray(0, MIB), endStream: false });
    await running.clock.advance(100 * STALL_MS);
    await running.more(slow, body.subarray(MIB), true);
    expect(statusOf(slow).code).toBe("0");
  });

  it("A20: gives the room of an upload that is reset to those that wait", async () => {
    const { running } = await serve();
    const body = framed("x".repeat(4 * MIB - 16));
    const dying = await running.send({ body: body.subarray(0, MIB), endStream: false });
    const waiting = await running.send({ body });
    expect(waiting.didEnd).toBe(false);
    await running.reset(dying, ErrorCode.CANCEL);
    await settle(running, [waiting]);
    expect(statusOf(waiting).code).toBe("0");
  });

  it("A20: does not let streams that nobody reads hold up others, and loses nothing of theirs", async () => {
    const { running, readStreams } = await serve();
    const body = framed(...Array.from({ length: 20 }, () => "x".repeat(10_000)));
    const unread: RecordedStream[] = [];
    for (let count = 0; count < 100; count += 1) unread.push(await running.send({ headers: CHAT, body }));
    const uploads: RecordedStream[] = [];
    for (let count = 0; count < 5; count += 1) uploads.push(await running.send({ body: framed("x".repeat(3 * MIB)) }));
    await settle(running, uploads);
    expect(codesOf(uploads)).toEqual(["0", "0", "0", "0", "0"]);
    readStreams();
    await settle(running, unread);
    expect(unread.every(({ body: [first] }) => first?.includes("200000"))).toBe(true);
    expect(running.closed).toEqual([]);
  });
});
